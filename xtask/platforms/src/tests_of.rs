//! The results of a test program, compared with the failures that are expected of it.

use std::{collections::BTreeSet, process::Command};

use anyhow::bail;

use crate::shell::stream;

/// Tests that fail under wine, each with its package and its reason.
const EXPECTED: &str = include_str!("../wine/expected.txt");

/// The names of the tests of a package that are expected to fail.
pub(crate) fn expected(package: &str) -> Vec<&'static str> {
    let entries = EXPECTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let of_package = entries.filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == package);
    of_package.filter_map(|(_, rest)| rest.split_whitespace().next()).collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    passed: usize,
    failed: BTreeSet<String>,
    /// The line with the counts was there, so the program ran to its end.
    is_whole: bool,
    /// The last line of an error, if nothing ran.
    error: Option<String>,
}

impl Tests {
    pub(crate) fn of(command: &mut Command) -> anyhow::Result<Self> {
        let (lines, _) = stream(command)?;
        Ok(Self::parse(lines.iter().map(String::as_str)))
    }

    fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut tests = Self::default();
        for line in lines {
            if line.starts_with("error") && tests.error.is_none() {
                tests.error = Some(line.to_owned());
            }
            tests.is_whole |= line.starts_with("test result: ");
            let Some((name, result)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
            else {
                continue;
            };
            match result {
                "ok" => tests.passed += 1,
                "FAILED" => drop(tests.failed.insert(name.to_owned())),
                _ => {}
            }
        }
        tests
    }

    /// Returns the counts, or an error that names the tests that failed or passed against the expectation.
    pub(crate) fn compare(&self, expected: &[&str]) -> anyhow::Result<String> {
        if !self.is_whole {
            bail!("the tests did not run to their end: {}", self.error.as_deref().unwrap_or("no result"));
        }
        let failed: BTreeSet<&str> = self.failed.iter().map(String::as_str).collect();
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        let (surprising, cured): (Vec<_>, Vec<_>) =
            (failed.difference(&expected).collect(), expected.difference(&failed).collect());
        if !surprising.is_empty() {
            bail!("{} passed, and these failed: {surprising:?}", self.passed);
        }
        if !cured.is_empty() {
            bail!("these are expected to fail and do not: {cured:?}; take them off the list");
        }
        Ok(match expected.len() {
            0 => format!("{} passed", self.passed),
            count => format!("{} passed, {count} failed as expected", self.passed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: [&str; 5] = [
        "running 3 tests",
        "test a::one ... ok",
        "test a::two ... FAILED",
        "test a::three ... ignored",
        "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out",
    ];

    fn parsed() -> Tests {
        Tests::parse(OUTPUT.into_iter())
    }

    #[test]
    fn a_failure_must_be_expected_and_an_expected_one_must_fail() {
        assert_eq!(parsed().compare(&["a::two"]).unwrap(), "1 passed, 1 failed as expected");
        assert!(parsed().compare(&[]).unwrap_err().to_string().contains("a::two"));
        let cured = parsed().compare(&["a::two", "a::one"]).unwrap_err().to_string();
        assert!(cured.contains("a::one") && !cured.contains("a::two"), "{cured}");
    }

    #[test]
    fn a_program_that_dies_has_not_passed() {
        let died = Tests::parse(OUTPUT.into_iter().take(2));
        assert!(died.compare(&[]).is_err());
        let failed = Tests::parse(["error: linking failed"].into_iter());
        assert!(failed.compare(&[]).unwrap_err().to_string().contains("linking failed"));
    }
}
