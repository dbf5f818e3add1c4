//! Counts words and phrases in the text of a page, and in the comments of a source file that have a line of their own.
//! Blocks of code do not count.

/// The counts of any number of texts. The head of the file of ceilings explains them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) words: u64,
    pub(super) what: u64,
    pub(super) that_of: u64,
    pub(super) semicolons: u64,
    pub(super) headless: u64,
    pub(super) heads: u64,
}

const FENCE: &str = "```";

impl Counts {
    /// Counts the text of a Markdown page.
    pub(super) fn add_page(&mut self, text: &str) {
        let (mut kept, mut rest) = (String::new(), text);
        while let Some((before, fenced)) = rest.split_once(FENCE) {
            let Some((_, after)) = fenced.split_once(FENCE) else { break };
            kept.push_str(before);
            rest = after;
        }
        kept.push_str(rest);
        self.add(&kept);
    }

    /// Counts the comments of a Rust file that have a line of their own, and its summaries.
    pub(super) fn add_source(&mut self, text: &str) {
        let (mut fenced, mut after_doc) = (false, false);
        for line in text.lines() {
            let line = line.trim_start();
            let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            if doc.is_some_and(|doc| !after_doc && is_head(doc)) {
                self.heads += 1;
            }
            after_doc = doc.is_some();
            let Some(comment) = doc.or_else(|| line.strip_prefix("//")) else { continue };
            if comment.trim_start().starts_with(FENCE) {
                fenced = !fenced;
            } else if !fenced {
                self.add(comment);
            }
        }
    }

    fn add(&mut self, text: &str) {
        let letters = |c: char| c.is_ascii_alphabetic() || c == '\'';
        self.words += count(text.split(|c| !letters(c)).filter(|run| !run.is_empty()));
        self.semicolons += count(text.matches(';'));
        for (before, word, after) in words(text) {
            match word.to_ascii_lowercase().as_str() {
                "what" if !asks(after) => self.what += 1,
                "that" | "those" if next_is_of(after) => self.that_of += 1,
                "whoever" => self.headless += 1,
                "who" if before.ends_with(". ") => self.headless += 1,
                _ => (),
            }
        }
    }
}

/// Returns `true` if the text of a doc comment begins like a question.
fn is_head(doc: &str) -> bool {
    let Some(summary) = doc.strip_prefix(' ') else { return false };
    let first = words(summary).next().filter(|(before, ..)| before.is_empty());
    first.is_some_and(|(_, word, _)| matches!(word, "What" | "Whether" | "How"))
}

/// Returns `true` if a question mark follows in the same sentence and line.
fn asks(rest: &str) -> bool {
    rest.split(['.', '\n']).next().is_some_and(|rest| rest.contains('?'))
}

fn next_is_of(rest: &str) -> bool {
    let next = rest.strip_prefix(' ').and_then(|rest| words(rest).next());
    next.is_some_and(|(before, word, _)| before.is_empty() && word.eq_ignore_ascii_case("of"))
}

/// Each run of letters, digits and underscores, with the text before and after it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(inside)?;
        let rest = text.get(start..)?;
        at = start + rest.find(|c| !inside(c)).unwrap_or(rest.len());
        Some((text.get(..start)?, text.get(start..at)?, text.get(at..)?))
    })
}

fn count<T>(found: impl Iterator<Item = T>) -> u64 {
    found.map(|_| 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Counts {
        let mut counts = Counts::default();
        counts.add_page(text);
        counts
    }

    fn source(text: &str) -> Counts {
        let mut counts = Counts::default();
        counts.add_source(text);
        counts
    }

    #[test]
    fn words_are_runs_of_letters() {
        assert_eq!(page("don't stop: fs_mem v2, naïve").words, 7);
        assert_eq!(page("12 — 34;\n").words, 0);
    }

    #[test]
    fn what_counts_outside_questions_and_as_a_whole_word() {
        for (text, expected) in [
            ("What is written", 1),
            ("what's WHAT", 2),
            ("whatever somewhat what_is", 0),
            ("What is it?", 0),
            ("What is it. Is it?", 1),
            ("what it is\nis it?", 1),
            ("what what what?", 0),
            ("what ```x``` it is?", 0),
        ] {
            assert_eq!(page(text).what, expected, "{text}");
        }
    }

    #[test]
    fn the_other_turns_of_phrase_count_as_whole_words() {
        for (text, that_of, headless) in [
            ("That of it, those of them", 2, 0),
            ("that often, that  of, that\nof, `that` of", 0, 0),
            ("Whoever calls. Who calls. who", 0, 3),
            ("Who calls, a caller who.\nWho", 0, 0),
        ] {
            let counts = page(text);
            assert_eq!((counts.that_of, counts.headless), (that_of, headless), "{text}");
        }
    }

    #[test]
    fn blocks_of_code_do_not_count() {
        assert_eq!(page("one\n```rust\nwhat;\n```\ntwo").words, 2);
        assert_eq!(page("one ``` what").words, 2);
        assert_eq!(source("/// one\n/// ```\n/// what;\n/// ```\n//! two\n").words, 2);
    }

    #[test]
    fn a_comment_behind_code_does_not_count() {
        assert_eq!(source("f(); // what\n\"\n // one\n").words, 1);
    }

    #[test]
    fn a_head_is_the_first_line_of_a_doc_comment() {
        for (text, expected) in [
            ("/// What it is", 1),
            ("    //! Whether", 1),
            ("/// How\nfn f() {}\n/// How", 2),
            ("/// One.\n/// What", 0),
            ("// What", 0),
            ("///What", 0),
            ("///  What", 0),
            ("/// Whatever", 0),
            ("/// what", 0),
            ("// One\n/// What", 1),
        ] {
            assert_eq!(source(text).heads, expected, "{text}");
        }
    }
}
