//! Markdown tables as rows, and the files that keep them.

/// A row of a table that has the columns job, volume and ratio.
#[derive(Debug)]
pub struct Row<'t> {
    /// The heading above the table.
    pub section: &'t str,
    /// The processor that the file of tables names above them, or an empty text.
    pub processor: &'t str,
    /// The cells, by the names of their columns.
    cells: Vec<(&'t str, &'t str)>,
}

impl<'t> Row<'t> {
    /// The cell of a column, by the beginning of the column's name.
    pub fn cell(&self, column: &str) -> Option<&'t str> {
        self.cells_from(column).next()
    }

    /// Our figure, and the figure that it is compared with.
    pub fn sides(&self) -> Option<(&'t str, &'t str)> {
        let mut cells = self.cells_from("ours");
        Some((cells.next()?, cells.next()?))
    }

    /// The ratio. A dash stands where there is nothing to compare with.
    pub fn ratio(&self) -> Option<f64> {
        self.cell("ratio")?.parse::<f64>().ok().filter(|ratio| ratio.is_finite())
    }

    /// The cells from a column on.
    fn cells_from(&self, column: &str) -> impl Iterator<Item = &'t str> {
        self.cells.iter().skip_while(move |(name, _)| !name.starts_with(column)).map(|(_, cell)| *cell)
    }
}

/// The rows of all tables of a text.
pub fn rows(markdown: &str) -> Vec<Row<'_>> {
    let (mut rows, mut section, mut processor, mut head) = (Vec::new(), "", "", None);
    for line in markdown.lines() {
        if let Some(machine) = line.strip_prefix("- Machine: ") {
            processor = machine.split(',').next().unwrap_or_default().trim();
        }
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim();
        }
        let Some(cells) = cells(line) else {
            head = None;
            continue;
        };
        let names = head.get_or_insert_with(|| cells.clone());
        let row = Row { section, processor, cells: names.iter().copied().zip(cells).collect() };
        let is_row =
            |column: &str| row.cell(column).is_some_and(|cell| cell != column && !cell.starts_with("---"));
        if ["job", "volume", "ratio"].into_iter().all(is_row) {
            rows.push(row);
        }
    }
    rows
}

/// The cells of a line of a table.
pub fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// Leaves out the sections without rows. They belong to crates that have none of the requested jobs.
pub fn without_empty_sections(markdown: &str) -> String {
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

/// Returns the name of the file for the tables of these jobs. The name lists the jobs, so it shows the command that
/// measured them.
pub fn file_of(jobs: &[String]) -> String {
    if jobs.is_empty() { "all.md".to_owned() } else { format!("{}.md", jobs.join("-")) }
}

/// Returns another recorded file that already has rows of one of these jobs, if there is one.
pub fn overlapping<'f>(files: &'f [String], jobs: &[String]) -> Option<&'f str> {
    let of_jobs = |file: &&String| {
        file.strip_suffix(".md").is_some_and(|words| {
            jobs.is_empty()
                || words == "all"
                || words.split('-').any(|word| jobs.iter().any(|job| job == word))
        })
    };
    files.iter().filter(|file| **file != file_of(jobs)).find(of_jobs).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(jobs: &[&str]) -> Vec<String> {
        jobs.iter().map(|&job| job.to_owned()).collect()
    }

    #[test]
    fn rows_are_read_by_the_names_of_columns() {
        let text = "- Machine: EPYC, 2 cores\n\n\
                    ## a\n\n| ratio | job | volume | ours (min–max) | theirs |\n|--:|---|---|---|---|\n\
                    | 0.5 | copied | ext4 | 1 ms | 2 ms |\n| – | x | xfs | 1 | – |\n\n| what |\n|---|\n| other |\n";
        let [first, second] = &rows(text)[..] else { panic!("two rows") };
        assert_eq!(first.processor, "EPYC");
        assert_eq!((first.section, first.cell("job"), first.ratio()), ("a", Some("copied"), Some(0.5)));
        assert_eq!(first.sides(), Some(("1 ms", "2 ms")));
        assert_eq!((second.cell("volume"), second.ratio(), second.cell("target")), (Some("xfs"), None, None));
    }

    #[test]
    fn rows_have_one_file() {
        let files = ["linked-small.md", "growth.md", "linked.svg"].map(str::to_owned);
        for (job, other) in [
            (&["linked", "small"][..], None),
            (&["growth"], None),
            (&["copied"], None),
            (&["linked"], Some("linked-small.md")),
            (&["growth", "small"], Some("linked-small.md")),
            (&[], Some("linked-small.md")),
        ] {
            assert_eq!(overlapping(&files, &jobs(job)), other, "{job:?}");
        }
        let all = ["all.md".to_owned()];
        assert_eq!(overlapping(&all, &[]), None);
        assert_eq!(overlapping(&all, &jobs(&["growth"])), Some("all.md"));
    }

    #[test]
    fn a_section_without_rows_is_left_out() {
        let markdown = "- Machine\n\n## a\n\n| job |\n|---|\n\n## b\n\n| job |\n|---|\n| x |";
        assert_eq!(without_empty_sections(markdown), "- Machine\n\n## b\n\n| job |\n|---|\n| x |");
    }
}
