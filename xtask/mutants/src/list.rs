//! The lists of mutants: `xtask/mutants/*.txt`, one for each area. Each line begins with a word or a sign.
//!
//! ```text
//! # A comment.
//! file lsm-x/src/y.rs          the file that the mutants below change
//! run test -p lsm-x --lib -- --skip slow   the arguments of cargo that must then fail
//! last killed:: hostile::      tests of that command which run only if its other tests pass
//! mutant NAME in a few words
//! survives a reason            for one that no test can notice
//!  a line that stays
//! -a line of the file
//! +the line in its place
//! @@                           begins another place in the same file
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// A change of the code that a test must notice.
#[derive(Debug)]
pub(super) struct Mutant {
    /// `AREA.NAME`.
    pub(super) id: String,
    pub(super) about: String,
    pub(super) file: String,
    /// The arguments of cargo, for one command after the other until one of them fails.
    pub(super) runs: Vec<String>,
    /// The reason why no test notices it.
    pub(super) survives: Option<String>,
    hunks: Vec<Hunk>,
}

/// Consecutive lines, and the lines that replace them. Indentation does not count.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hunk {
    before: Vec<String>,
    after: Vec<String>,
}

impl Mutant {
    /// The text of the file with the change in it.
    pub(super) fn apply(&self, text: &str) -> anyhow::Result<String> {
        let mut lines: Vec<&str> = text.lines().collect();
        for Hunk { before, after } in &self.hunks {
            let is_here = |at: &usize| {
                let here = lines.get(*at..).unwrap_or_default();
                here.len() >= before.len()
                    && here.iter().zip(before).all(|(line, other)| line.trim() == other)
            };
            let places: Vec<_> = (0..lines.len()).filter(is_here).collect();
            let [at] = places[..] else {
                let (id, file, count) = (&self.id, &self.file, places.len());
                bail!(
                    "{id}: {file} has its lines {count} times; adapt the mutant to the code, in xtask/mutants"
                );
            };
            lines.splice(at..at + before.len(), after.iter().map(String::as_str));
        }
        Ok(lines.join("\n") + "\n")
    }
}

/// Reads all lists, in the order of their names.
pub(super) fn load(root: &Path) -> anyhow::Result<Vec<Mutant>> {
    let dir = root.join("xtask/mutants");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    // The sources of this program lie in the same folder as the lists.
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    paths.sort();
    let mut mutants: Vec<Mutant> = Vec::new();
    for path in paths {
        let area = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        mutants.extend(parse(&area, &text)?);
    }
    let mut ids = BTreeSet::new();
    for Mutant { id, .. } in &mutants {
        ensure!(ids.insert(id), "two mutants are named {id}");
    }
    Ok(mutants)
}

/// Names the mutants that do not fit the code.
pub fn stale(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut errors = Vec::new();
    for mutant in load(root)? {
        let text = fs::read_to_string(root.join(&mutant.file));
        let applied = text.with_context(|| format!("{}: cannot read {}", mutant.id, mutant.file));
        errors.extend(applied.and_then(|text| mutant.apply(&text)).err().map(|error| format!("{error:#}")));
    }
    Ok(errors)
}

fn parse(area: &str, text: &str) -> anyhow::Result<Vec<Mutant>> {
    let (mut file, mut runs) = (String::new(), Vec::new());
    let mut mutants: Vec<Mutant> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let wrong = || format!("xtask/mutants/{area}.txt:{}: `{line}` has no place here", at + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "file" => file = rest.to_owned(),
            "run" => runs = vec![rest.to_owned()],
            "last" => runs = in_two(&runs, rest).with_context(wrong)?,
            "mutant" => {
                let (name, about) = rest.split_once(' ').with_context(wrong)?;
                let (id, about) = (format!("{area}.{name}"), about.to_owned());
                let (file, runs, hunks) = (file.clone(), runs.clone(), vec![Hunk::default()]);
                mutants.push(Mutant { id, about, file, runs, survives: None, hunks });
            }
            "survives" => mutants.last_mut().with_context(wrong)?.survives = Some(rest.to_owned()),
            "@@" => mutants.last_mut().with_context(wrong)?.hunks.push(Hunk::default()),
            _ if line.is_empty() || line.starts_with('#') => {}
            _ => {
                let hunk =
                    mutants.last_mut().and_then(|mutant| mutant.hunks.last_mut()).with_context(wrong)?;
                let (sign, code) = line.split_at_checked(1).with_context(wrong)?;
                let code = code.trim().to_owned();
                match sign {
                    "-" => hunk.before.push(code),
                    "+" => hunk.after.push(code),
                    " " => {
                        hunk.before.push(code.clone());
                        hunk.after.push(code);
                    }
                    _ => bail!(wrong()),
                }
            }
        }
    }
    for Mutant { id, file, runs, hunks, .. } in &mutants {
        let is_run = runs.first().is_some_and(|run| run.starts_with("test "));
        ensure!(!file.is_empty() && is_run, "{id}: no `file`, or no `run test …` above it");
        let changes = |hunk: &Hunk| !hunk.before.is_empty() && hunk.before != hunk.after;
        ensure!(hunks.iter().all(changes), "{id}: it changes nothing, or names no line of the file");
    }
    Ok(mutants)
}

/// Splits the tests of a command: those without the words of `last`, then those with one of them. Returns `None` if the
/// command is split already or has no options of the test binary.
fn in_two(runs: &[String], last: &str) -> Option<Vec<String>> {
    let [run] = runs else { return None };
    let (cargo, options) = run.split_once(" -- ")?;
    let skipped: String = last.split_whitespace().map(|word| format!(" --skip {word}")).collect();
    Some(vec![format!("{run}{skipped}"), format!("{cargo} -- {last} {options}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# why\nfile a.rs\nrun test -p a\n\nmutant one no check\nsurvives luck\n- b\n+ c\n\
                        mutant two the other order\n  a\n-b\n@@\n- d\n";

    #[test]
    fn a_mutant_changes_the_lines_that_it_names() {
        let mutants = parse("x", LIST).unwrap();
        let [one, two] = &mutants[..] else { panic!("{mutants:?}") };
        assert_eq!((one.id.as_str(), one.about.as_str()), ("x.one", "no check"));
        assert_eq!((one.file.as_str(), &one.runs[..]), ("a.rs", &["test -p a".to_owned()][..]));
        assert_eq!((one.survives.as_deref(), two.survives.as_deref()), (Some("luck"), None));
        assert_eq!(one.apply("a\n    b\nd\n").unwrap(), "a\nc\nd\n");
        assert_eq!(two.apply("a\n    b\nd\n").unwrap(), "a\n");
    }

    #[test]
    fn lines_that_are_gone_or_there_twice_are_an_error() {
        let mutants = parse("x", LIST).unwrap();
        for text in ["a\nd\n", "b\nb\n"] {
            let error = mutants[0].apply(text).unwrap_err().to_string();
            assert!(error.starts_with("x.one: a.rs has its lines "), "{error}");
        }
    }

    /// Filters of libtest are alternatives, and a skipped test stays skipped.
    #[test]
    fn slow_tests_run_last() {
        let list = "file a.rs\nrun test -p a -- --skip c\nlast k:: h::\nmutant one x\n-b\n";
        let mutants = parse("x", list).unwrap();
        let expected = ["test -p a -- --skip c --skip k:: --skip h::", "test -p a -- k:: h:: --skip c"];
        assert_eq!(mutants[0].runs, expected);
    }

    #[test]
    fn a_list_that_says_nothing_is_an_error() {
        for wrong in [
            "-a\n",
            "file a\nrun test\nmutant one x\n",
            "run test\nmutant one x\n-a\n",
            "mutant one\n",
            "run test -p a\nlast k::\n",
            "last k::\n",
        ] {
            assert!(parse("x", wrong).is_err(), "{wrong}");
        }
    }
}
