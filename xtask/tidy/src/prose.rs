//! Measures the English of comments and pages: five figures per folder, each with a ceiling. `--lower` only lowers the
//! ceilings.

mod count;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};

use super::tree::{CEILINGS, Tree};
use count::Counts;

/// The name of each figure and its cure, in the order of the columns of [`CEILINGS`].
const FIGURES: [(&str, &str); 5] = [
    ("what", "name the thing: \"the file that\", \"the bytes that\""),
    ("that-of", "repeat the noun: \"the name of the directory\", not \"that of\""),
    ("semicolons", "write two sentences"),
    ("headless", "name the subject: \"a caller that\", not \"whoever\""),
    ("heads", "begin a summary with a verb or a noun, not with What, Whether or How"),
];

/// A note advises to lower a ceiling that is higher than its figure by more than this, in hundredths.
const SLACK: u64 = 25;

/// One value per figure, in hundredths: integers compare exactly.
type Row = [u64; FIGURES.len()];

/// A folder and its figures or ceilings.
type Line = (String, Row);

/// Fails where a figure exceeds its ceiling.
pub(super) fn ceilings(tree: &Tree) -> Vec<String> {
    if tree.crates.is_empty() {
        return Vec::new();
    }
    match recorded(tree) {
        Ok(recorded) => compare(&measured(tree), &recorded),
        Err(error) => vec![format!("{CEILINGS}: {error:#}")],
    }
}

/// Advises to lower the ceilings that lie well above their figures.
pub(super) fn slack(tree: &Tree) -> Vec<String> {
    let recorded = recorded(tree).unwrap_or_default();
    let measured = measured(tree);
    let pairs = recorded.iter().filter_map(|(folder, ceilings)| Some((row(&measured, folder)?, ceilings)));
    let loose = pairs.flat_map(|(figures, ceilings)| figures.iter().zip(ceilings));
    let loose = loose.filter(|(figure, ceiling)| **figure + SLACK < **ceiling).count();
    if loose == 0 {
        return Vec::new();
    }
    vec![format!("{CEILINGS}: {loose} ceilings are above their figures; cargo xtask tidy --lower")]
}

/// Shows the figures of each folder, with the ceiling behind each.
pub(super) fn table(tree: &Tree) -> anyhow::Result<String> {
    let recorded = recorded(tree)?;
    let mut table = format!("{:15}", "folder");
    for (name, _) in FIGURES {
        let _ = write!(table, " {name:>16}");
    }
    for (folder, figures) in measured(tree) {
        let _ = write!(table, "\n{folder:15}");
        let ceilings = row(&recorded, &folder);
        for (at, figure) in figures.iter().enumerate() {
            let ceiling = ceilings.and_then(|row| row.get(at)).map(|ceiling| shown(*ceiling));
            let cell = format!("{} of {}", shown(*figure), ceiling.as_deref().unwrap_or("none"));
            let _ = write!(table, " {cell:>16}");
        }
    }
    Ok(table)
}

/// Lowers every ceiling to its figure. A ceiling that its figure exceeds stays.
pub(super) fn lower(tree: &Tree, root: &Path) -> anyhow::Result<()> {
    let text = text(tree)?;
    let lowered = lowered(text, &measured(tree))?;
    std::fs::write(root.join(CEILINGS), lowered).with_context(|| format!("cannot write {CEILINGS}"))
}

/// The text of [`CEILINGS`] with lower ceilings.
fn lowered(text: &str, measured: &[Line]) -> anyhow::Result<String> {
    let mut lowered = String::new();
    for line in text.lines() {
        let Some((folder, mut ceilings)) = parse_line(line)? else {
            lowered.push_str(line);
            lowered.push('\n');
            continue;
        };
        for (ceiling, figure) in ceilings.iter_mut().zip(row(measured, &folder).into_iter().flatten()) {
            *ceiling = (*figure).min(*ceiling);
        }
        let _ = write!(lowered, "{folder:15}");
        for (ceiling, (name, _)) in ceilings.iter().zip(FIGURES) {
            let _ = write!(lowered, " {:>1$}", shown(*ceiling), name.len().max(7));
        }
        lowered.push('\n');
    }
    Ok(lowered)
}

/// The figures of the top level, of each published crate and of `xtask`. A rate is rounded up.
fn measured(tree: &Tree) -> Vec<Line> {
    std::iter::once(".")
        .chain(folders(tree))
        .map(|folder| (folder.to_owned(), figures(tree, folder)))
        .collect()
}

/// The folders that have a line of their own. The text of other packages belongs to the folder around them.
fn folders(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.crates.iter().filter(|member| member.publish || member.dir == "xtask").map(|member| &*member.dir)
}

fn figures(tree: &Tree, folder: &str) -> Row {
    let mut counts = Counts::default();
    // True for a folder in this one that has a line of its own.
    let is_below = |dir: &str| dir.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let inner: Vec<_> = folders(tree).filter(|dir| is_below(dir)).collect();
    let is_inner =
        |path: &str| inner.iter().any(|dir| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/')));
    // A program has written the recorded tables.
    let is_table = |path: &str| path.starts_with("xtask/bench/") && !path.ends_with("README.md");
    for file in tree.files.iter().filter(|file| !is_inner(&file.path) && !is_table(&file.path)) {
        let inside = match file.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
            Some(inside) => inside,
            None if folder == "." && !file.path.contains('/') => &file.path,
            None => continue,
        };
        if file.is_markdown() && !inside.contains("LICENSE") {
            counts.add_page(&file.text);
        } else if file.is_rust() && (inside.starts_with("src/") || inside.contains("/src/")) {
            counts.add_source(&file.text);
        }
    }
    let rate = |count: u64| (count * 100_000).div_ceil(counts.words.max(1));
    [
        rate(counts.what),
        rate(counts.that_of),
        rate(counts.semicolons),
        rate(counts.headless),
        counts.heads * 100,
    ]
}

fn compare(measured: &[Line], recorded: &[Line]) -> Vec<String> {
    let mut errors = Vec::new();
    for (folder, figures) in measured {
        let Some(ceilings) = row(recorded, folder) else {
            errors.push(format!("{CEILINGS}: no line for `{folder}`; add one, as the head of the file says"));
            continue;
        };
        for ((figure, ceiling), (name, cure)) in figures.iter().zip(ceilings).zip(FIGURES) {
            if figure > ceiling {
                let unit = if name == "heads" { "summaries" } else { "per 1,000 words" };
                errors.push(format!(
                    "{folder}: {name}: {} {unit}, {} at most ({CEILINGS}); {cure}",
                    shown(*figure),
                    shown(*ceiling)
                ));
            }
        }
    }
    errors
}

fn recorded(tree: &Tree) -> anyhow::Result<Vec<Line>> {
    text(tree)?.lines().filter_map(|line| parse_line(line).transpose()).collect()
}

fn text(tree: &Tree) -> anyhow::Result<&str> {
    let file = tree.file(CEILINGS).with_context(|| format!("{CEILINGS} is missing; restore it with git"))?;
    Ok(&file.text)
}

/// Reads a folder and its ceilings. Returns `None` for a comment or an empty line.
fn parse_line(line: &str) -> anyhow::Result<Option<Line>> {
    let mut words = line.split_whitespace();
    let Some(folder) = words.next().filter(|word| !word.starts_with('#')) else { return Ok(None) };
    let values: Option<Vec<u64>> = words.map(hundredths).collect();
    match values.and_then(|values| values.try_into().ok()) {
        Some(ceilings) => Ok(Some((folder.to_owned(), ceilings))),
        None => bail!("`{line}` is not a folder and {} numbers such as 7.30", FIGURES.len()),
    }
}

/// Reads `7.30` as 730.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.')?;
    let digits = part.len() == 2;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part.parse().ok().filter(|_| digits)?)
}

fn shown(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn row<'a>(lines: &'a [Line], folder: &str) -> Option<&'a Row> {
    lines.iter().find(|(name, _)| name == folder).map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Crate, Source};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| Source::new((*path).to_owned(), (*text).to_owned()));
        let member = Crate { dir: "lsm-x".to_owned(), publish: true, ..Crate::default() };
        Tree { files: files.collect(), crates: vec![member], ..Tree::default() }
    }

    /// Eight words, one of each figure.
    const SOURCE: &str = "/// What a file holds; \n// whoever: that of it\nfn f() {} // no line\n";

    #[test]
    fn the_figures_of_a_folder_are_rates_and_a_count() {
        let tree = tree(&[
            ("lsm-x/src/lib.rs", SOURCE),
            ("lsm-x/nested/src/lib.rs", "// what"),
            ("lsm-x/tests/it.rs", "// what what"),
            ("lsm-x/benches/src.rs", "// what what"),
            ("lsm-xy/src/lib.rs", "// what what"),
            ("lsm-x/README.md", "one two"),
            ("README.md", "three four; five"),
        ]);
        // Eleven words. One figure counts two of them, the others one each.
        let of_crate = [18182, 9091, 9091, 9091, 100];
        assert_eq!(measured(&tree), [(".".to_owned(), [0, 0, 33334, 0, 0]), ("lsm-x".to_owned(), of_crate)]);
    }

    #[test]
    fn a_member_that_lies_in_another_has_its_own_figures() {
        let mut tree = tree(&[("lsm-x/README.md", "one two"), ("lsm-x/inner/README.md", "what")]);
        tree.crates.push(Crate { dir: "lsm-x/inner".to_owned(), publish: true, ..Crate::default() });
        let measured = measured(&tree);
        assert_eq!(measured[1], ("lsm-x".to_owned(), [0; 5]));
        assert_eq!(measured[2], ("lsm-x/inner".to_owned(), [100_000, 0, 0, 0, 0]));
    }

    #[test]
    fn the_programs_of_the_chores_have_one_line() {
        let table = ("xtask/bench/linked.md", "| a; b |");
        let mut tree =
            tree(&[("xtask/src/main.rs", "// one"), ("xtask/inner/src/main.rs", "// what"), table]);
        tree.crates =
            ["xtask", "xtask/inner"].map(|dir| Crate { dir: dir.to_owned(), ..Crate::default() }).into();
        assert_eq!(measured(&tree)[1..], [("xtask".to_owned(), [50_000, 0, 0, 0, 0])]);
    }

    #[test]
    fn a_figure_above_its_ceiling_is_named_with_its_cure() {
        let with = |ceilings: &str| {
            let ceilings = format!("# head\n\n. 0.00 0.00 0.00 0.00 0.00\nlsm-x {ceilings}\n");
            super::ceilings(&tree(&[("lsm-x/src/lib.rs", SOURCE), (CEILINGS, &ceilings)]))
        };
        assert_eq!(with("125.00 125.00 125.00 125.00 1.00"), [""; 0]);
        assert_eq!(
            with("125.00 125.00 124.99 125.00 1.00"),
            [
                "lsm-x: semicolons: 125.00 per 1,000 words, 124.99 at most (xtask/prose.txt); write two sentences"
            ]
        );
        let head = with("125.00 125.00 125.00 125.00 0.00");
        assert_eq!(head.len(), 1);
        assert!(head[0].starts_with("lsm-x: heads: 1.00 summaries, 0.00 at most"), "{head:?}");
    }

    #[test]
    fn ceilings_that_are_missing_or_misread_fail() {
        let source = ("lsm-x/src/lib.rs", SOURCE);
        assert!(ceilings(&tree(&[source]))[0].contains("is missing"));
        let with = |text: &str| ceilings(&tree(&[source, (CEILINGS, text)])).join("\n");
        assert!(with(". 0.00 0.00 0.00 0.00 0.00").contains("no line for `lsm-x`"));
        for bad in ["lsm-x 1.00", "lsm-x 1.00 1 1.00 1.00 1.00", "lsm-x 1.0 1.00 1.00 1.00 1.00"] {
            assert!(with(bad).contains(bad), "{bad}");
        }
    }

    #[test]
    fn lowering_follows_the_figures_down_and_never_up() {
        let text = "# head\n. 9.00 9.00 9.00 9.00 9.00\nlsm-x 1.00 3.00 4.00 5.00 6.00\n";
        let measured = [("lsm-x".to_owned(), [50, 400, 400, 0, 600])];
        let lowered = lowered(text, &measured).unwrap();
        let rows: Vec<_> = lowered.lines().filter_map(|line| parse_line(line).unwrap()).collect();
        assert!(lowered.starts_with("# head\n"));
        assert_eq!(rows[0].1, [900; 5]);
        assert_eq!(rows[1].1, [50, 300, 400, 0, 600]);
    }

    #[test]
    fn one_note_counts_the_loose_ceilings() {
        let with = |ceilings: &str| {
            slack(&tree(&[("lsm-x/src/lib.rs", SOURCE), (CEILINGS, &format!("lsm-x {ceilings}"))]))
        };
        assert_eq!(with("125.00 125.00 125.00 125.00 1.00"), [""; 0]);
        assert!(with("125.26 125.26 125.00 125.00 1.00")[0].contains("2 ceilings"));
    }
}
