//! The document that holds the tables. A run writes the blocks between two comments. Everything else is written by
//! hand.

use anyhow::{Context, bail};

const CLOSE: &str = "<!-- /tables -->";

/// The comment before the tables of a run. Each command has its own block, which says how it was measured.
fn opening(job: &[String]) -> String {
    if job.is_empty() { "<!-- tables -->".to_owned() } else { format!("<!-- tables: {} -->", job.join(" ")) }
}

/// Replaces the tables of the last run of the same jobs. If there are none, the new tables go behind the last block, or
/// to the end.
pub(super) fn splice(document: &str, job: &[String], tables: &str) -> anyhow::Result<String> {
    let open = opening(job);
    let block = format!("{open}\n\n{}\n\n{CLOSE}", tables.trim());
    if let Some((before, rest)) = document.split_once(&open) {
        let Some((_, after)) = rest.split_once(CLOSE) else { bail!("`{open}` without `{CLOSE}`") };
        return Ok(format!("{before}{block}{after}"));
    }
    match document.rfind(CLOSE).map(|at| document.split_at(at + CLOSE.len())) {
        Some((before, after)) => Ok(format!("{before}\n\n{block}{after}")),
        None if document.trim().is_empty() => Ok(format!("{block}\n")),
        None => Ok(format!("{}\n\n{block}\n", document.trim_end())),
    }
}

/// Returns the jobs of another block that holds rows of these jobs too.
pub(super) fn overlapping(document: &str, job: &[String]) -> Option<String> {
    let of_others = document.lines().filter_map(|line| line.strip_prefix("<!-- tables")?.strip_suffix("-->"));
    let mut of_others = of_others.map(|jobs| jobs.trim_start_matches(':').trim().to_owned());
    let holds = |jobs: &str| {
        let mut words = jobs.split_whitespace();
        job.is_empty()
            || words.clone().next().is_none()
            || words.any(|word| job.iter().any(|job| job == word))
    };
    of_others.find(|jobs| *jobs != job.join(" ") && holds(jobs))
}

/// Returns the text between the comments of each block.
pub(super) fn blocks(document: &str) -> anyhow::Result<Vec<&str>> {
    let mut blocks = Vec::new();
    let mut rest = document;
    while let Some((_, opened)) = rest.split_once("<!-- tables") {
        let (_, inside) = opened.split_once("-->").context("a comment that opens tables does not end")?;
        let (block, after) = inside.split_once(CLOSE).with_context(|| format!("tables without `{CLOSE}`"))?;
        blocks.push(block);
        rest = after;
    }
    Ok(blocks)
}

/// Leaves out the sections without rows. They belong to crates that have no such job.
pub(super) fn without_empty_sections(markdown: &str) -> String {
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in markdown.lines() {
        if line.starts_with("## ") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let says_something = |section: &&Vec<&str>| {
        let rows = section.iter().filter(|line| cells(line).is_some()).count();
        // The head and the line below it are not rows.
        !section.first().is_some_and(|line| line.starts_with("## ")) || rows > 2
    };
    let kept: Vec<String> = sections.iter().filter(says_something).map(|lines| lines.join("\n")).collect();
    kept.join("\n")
}

/// The cells of a line of a table.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(jobs: &[&str]) -> Vec<String> {
        jobs.iter().map(|&job| job.to_owned()).collect()
    }

    #[test]
    fn what_was_written_by_hand_stays() {
        let with = |tables: &str| format!("# Head\n\nBy hand.\n\n{tables}\n\n## What did not help\n");
        let document = with("<!-- tables -->\nold\n<!-- /tables -->");
        let spliced = splice(&document, &[], "new\n").unwrap();
        let expected = with("<!-- tables -->\n\nnew\n\n<!-- /tables -->");
        assert_eq!(spliced, expected);
        assert_eq!(splice(&spliced, &[], "new").unwrap(), spliced);
    }

    #[test]
    fn rows_have_one_block() {
        let document =
            "<!-- tables: linked small -->\n<!-- /tables -->\n<!-- tables: growth -->\n<!-- /tables -->\n";
        for (job, other) in [
            (&["linked", "small"][..], None),
            (&["growth"], None),
            (&["copied"], None),
            (&["linked"], Some("linked small")),
            (&["growth", "small"], Some("linked small")),
            (&[], Some("linked small")),
        ] {
            assert_eq!(overlapping(document, &jobs(job)).as_deref(), other, "{job:?}");
        }
        assert_eq!(overlapping("<!-- tables -->\n<!-- /tables -->", &[]), None);
        assert_eq!(overlapping("<!-- tables -->\n<!-- /tables -->", &jobs(&["growth"])).as_deref(), Some(""));
    }

    #[test]
    fn each_command_has_its_block() {
        let all = splice("# Benchmarks\n", &[], "all").unwrap();
        let both = splice(&format!("{all}\n## End\n"), &jobs(&["linked", "small"]), "some").unwrap();
        assert_eq!(blocks(&both).unwrap(), ["\n\nall\n\n", "\n\nsome\n\n"]);
        assert!(both.starts_with("# Benchmarks\n") && both.ends_with("## End\n"), "{both}");
        let again = splice(&both, &jobs(&["linked", "small"]), "others").unwrap();
        assert_eq!(blocks(&again).unwrap(), ["\n\nall\n\n", "\n\nothers\n\n"]);
    }

    #[test]
    fn a_block_without_its_end_is_an_error() {
        assert!(splice("<!-- tables -->\nold\n## By hand\n", &[], "new").is_err());
        assert!(blocks("<!-- tables -->\nold\n## By hand\n").is_err());
    }

    #[test]
    fn a_section_without_rows_is_left_out() {
        let markdown = "- Machine\n\n## a\n\n| job |\n|---|\n\n## b\n\n| job |\n|---|\n| x |";
        assert_eq!(without_empty_sections(markdown), "- Machine\n\n## b\n\n| job |\n|---|\n| x |");
    }
}
