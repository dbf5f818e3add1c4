//! The results, on the terminal and in `lsm-fs/PLATFORMS.md`.

use std::{fmt, fs, path::Path};

use anyhow::{Context, bail};

/// The result of one check or one test program.
pub(crate) struct Row {
    target: String,
    part: String,
    result: Result<String, String>,
}

impl Row {
    pub(crate) fn of(target: &str, part: &str, result: anyhow::Result<String>) -> Self {
        let result = result.map_err(|error| format!("{error:#}"));
        Self { target: target.to_owned(), part: part.to_owned(), result }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.result.is_ok()
    }

    fn cells(&self) -> [&str; 3] {
        let result = match &self.result {
            Ok(text) => text,
            Err(text) => text.lines().next().unwrap_or_default(),
        };
        [&self.target, &self.part, result]
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [target, part, result] = self.cells();
        write!(f, "{}  {target}  {part}: {result}", if self.is_good() { "ok    " } else { "FAILED" })
    }
}

const START: &str = "<!-- results -->";
const END: &str = "<!-- end of the results -->";

/// Replaces the results in the document.
pub(crate) fn write(document: &Path, version: &str, rows: &[Row]) -> anyhow::Result<()> {
    if let Some(bad) = rows.iter().find(|row| !row.is_good()) {
        bail!("not recorded, because of: {bad}");
    }
    let text = fs::read_to_string(document)?;
    fs::write(document, replaced(&text, version, rows)?).with_context(|| document.display().to_string())
}

fn replaced(text: &str, version: &str, rows: &[Row]) -> anyhow::Result<String> {
    let (Some((before, rest)), true) = (text.split_once(START), text.contains(END)) else {
        bail!("the document has no place for the results");
    };
    let (_, after) = rest.split_once(END).context("the end stands before the start")?;
    let lines = rows.iter().map(|row| {
        let [target, part, result] = row.cells();
        format!("| `{target}` | {part} | {result} |\n")
    });
    let head = format!("With Rust {version}:\n\n| target | part | result |\n|---|---|---|\n");
    let table: String = std::iter::once(head).chain(lines).collect();
    Ok(format!("{before}{START}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_results_replace_the_old_ones_and_nothing_else() {
        let rows = [Row::of("a-b-c", "check", Ok("fine".into()))];
        let text = format!("# Title\n\n{START}\nold\n{END}\n\nend\n");
        let new = replaced(&text, "1.2.3", &rows).unwrap();
        assert!(new.starts_with("# Title\n\n") && new.ends_with("\n\nend\n"), "{new}");
        assert!(new.contains("| `a-b-c` | check | fine |\n") && !new.contains("old"), "{new}");
        assert_eq!(replaced(&new, "1.2.3", &rows).unwrap(), new);
        assert!(replaced("# Title\n", "1.2.3", &rows).is_err());
    }
}
