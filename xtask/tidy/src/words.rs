//! Finds words that do not belong in the text of the project, and lines of more than 120 columns.

use super::tree::{Tree, has_word};

/// Marks of unfinished work. They are split, so that a search of the repository for such marks does not find this file.
const UNFINISHED: &[&str] =
    &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK"), concat!("TO", "DO")];

/// Words that tell the history of the code. The check reads only comments, so it does not find these strings.
const HISTORY: &[&str] = &[
    "previously",
    "no longer",
    "for now",
    "replaces an earlier",
    // The two words alone are not listed, because they can also name a purpose ("a lock used to guard").
    "used to be",
    "it used to",
    "this used to",
    "we used to",
    "which used to",
];

const MAX_COLUMNS: usize = 120;

/// Finds marks of unfinished work.
pub(super) fn unfinished(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in &tree.files {
        for (line, text) in file.prose() {
            for word in UNFINISHED.iter().filter(|word| has_word(text, word)) {
                errors.push(format!(
                    "{}:{line}: `{word}` marks work that is not done; do it, or say why not",
                    file.path
                ));
            }
        }
    }
    errors
}

/// Finds paths that point outside the repository, because the project must stand alone.
pub(super) fn references(tree: &Tree) -> Vec<String> {
    let outside = [concat!("../sha", "red"), concat!("work/sha", "red")];
    let mut errors = Vec::new();
    for file in &tree.files {
        for (line, text) in file.numbered() {
            if outside.iter().any(|path| text.contains(path)) {
                errors.push(format!(
                    "{}:{line}: points outside the repository; say here what the reader needs",
                    file.path
                ));
            }
        }
    }
    errors
}

/// Finds names of documents that do not exist, because a reader would look for them.
pub(super) fn dangling_documents(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in &tree.files {
        for (line, text) in file.prose() {
            let words = text.split(|c: char| !c.is_alphanumeric() && !"._-/".contains(c));
            for name in words.filter_map(|word| word.trim_matches('.').rsplit('/').next()) {
                let document = name.ends_with(".md") && name.starts_with(|c: char| c.is_ascii_uppercase());
                if document && !tree.paths.iter().any(|path| path.rsplit('/').next() == Some(name)) {
                    errors.push(format!(
                        "{}:{line}: there is no {name} in the repository; write it, or say it here",
                        file.path
                    ));
                }
            }
        }
    }
    errors
}

/// Finds comments that tell history. It belongs in git and in the changelog.
pub(super) fn history(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("CHANGELOG.md")) {
        for (line, text) in file.prose() {
            let text = text.to_lowercase();
            for word in HISTORY.iter().filter(|word| has_word(&text, word)) {
                errors.push(format!(
                    "{}:{line}: `{word}` tells history; describe what is, in the present tense",
                    file.path
                ));
            }
        }
    }
    errors
}

/// Finds long lines, except tables and links, which cannot be wrapped.
pub(super) fn long_lines(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() || file.is_markdown()) {
        for (line, text) in file.numbered() {
            let start =
                text.trim_start().trim_start_matches("//").trim_start_matches(['/', '!']).trim_start();
            let fixed = start.starts_with('|') || text.contains("://");
            let columns = text.chars().count();
            if columns > MAX_COLUMNS && !fixed {
                errors.push(format!("{}:{line}: {columns} columns; wrap at {MAX_COLUMNS}", file.path));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_found_in_prose() {
        let mark = concat!("FIX", "ME");
        assert_eq!(unfinished(&Tree::of("a/src/b.rs", &format!("// {mark}: the lock"))).len(), 1);
        assert_eq!(unfinished(&Tree::of("a/README.md", mark)).len(), 1);
        assert_eq!(unfinished(&Tree::of("a/src/b.rs", &format!("f(\"{mark}\"); // {mark}D"))), [""; 0]);
    }

    #[test]
    fn a_path_out_of_the_repository_is_found_anywhere() {
        let path = concat!("../sha", "red/notes.md");
        assert_eq!(references(&Tree::of("a/src/b.rs", &format!("include_str!(\"{path}\")"))).len(), 1);
        assert_eq!(references(&Tree::of("a/README.md", "a shared/unshared inode")), [""; 0]);
    }

    #[test]
    fn a_document_that_is_not_there_is_found() {
        let mut tree = Tree::of("a/src/b.rs", "//! See [A](../A.md), A.md. f(\"B.md\"); and b.md");
        tree.paths = vec!["A.md".to_owned(), "B.md".to_owned()];
        assert_eq!(dangling_documents(&tree), [""; 0]);
        tree.paths.pop();
        assert_eq!(dangling_documents(&tree).len(), 1);
    }

    #[test]
    fn history_is_found_in_comments_and_not_in_code() {
        let told = concat!("// the file is no ", "longer copied");
        assert_eq!(history(&Tree::of("a/src/b.rs", told)).len(), 1);
        assert_eq!(history(&Tree::of("a/CHANGELOG.md", told)), [""; 0]);
        assert_eq!(
            history(&Tree::of("a/src/b.rs", "previously(); // a lock used to guard the tail")),
            [""; 0]
        );
    }

    #[test]
    fn long_lines_are_found_and_tables_are_not() {
        let long = "x".repeat(130);
        assert_eq!(long_lines(&Tree::of("a/src/b.rs", &long)).len(), 1);
        assert_eq!(long_lines(&Tree::of("README.md", &format!("short\n| {long} |"))), [""; 0]);
        assert_eq!(long_lines(&Tree::of("a/src/b.rs", &format!("//! | {long} |"))), [""; 0]);
    }
}
