//! Splits Rust source into code and comments, line by line, so that a check reads only one of them.

use std::iter::Peekable;
use std::str::Chars;

/// One line of source.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The code. Strings keep their quotes and lose their content.
    pub(super) code: String,
    /// The text of comments, doc comments included.
    pub(super) comment: String,
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    lines: Vec<Line>,
    line: Line,
}

/// Splits `text`.
pub(super) fn split(text: &str) -> Vec<Line> {
    let mut lexer = Lexer { chars: text.chars().peekable(), lines: Vec::new(), line: Line::default() };
    lexer.code();
    lexer.lines.push(lexer.line);
    lexer.lines
}

impl Lexer<'_> {
    fn code(&mut self) {
        while let Some(c) = self.chars.next() {
            match c {
                '\n' => self.end_line(),
                '/' if self.chars.peek() == Some(&'/') => self.line_comment(),
                '/' if self.chars.peek() == Some(&'*') => self.block_comment(),
                '"' => self.string(),
                'r' if !self.in_word() => self.raw_string(),
                '\'' => self.char_or_lifetime(),
                _ => self.line.code.push(c),
            }
        }
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
    }

    /// Returns `true` if the code so far ends inside a word. The `b` and `c` of `br""` and `cr""` do not count.
    fn in_word(&self) -> bool {
        let mut last = self.line.code.chars().rev();
        let mut before = last.next();
        if matches!(before, Some('b' | 'c')) {
            before = last.next();
        }
        before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn line_comment(&mut self) {
        self.line.comment.push('/');
        while let Some(c) = self.chars.next_if(|&c| c != '\n') {
            self.line.comment.push(c);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        let mut last = '/';
        for c in self.chars.by_ref() {
            if c == '\n' {
                self.lines.push(std::mem::take(&mut self.line));
            } else {
                self.line.comment.push(c);
            }
            let pair = (last, c);
            last = c;
            if pair == ('/', '*') {
                depth += 1;
                last = ' ';
            } else if pair == ('*', '/') {
                depth -= 1;
                last = ' ';
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.line.code.push('"');
        while let Some(c) = self.chars.next() {
            match c {
                '"' => break,
                '\n' => self.end_line(),
                // An escaped line break still ends the line.
                '\\' if self.chars.next() == Some('\n') => self.end_line(),
                _ => (),
            }
        }
        self.line.code.push('"');
    }

    /// After an `r`: a raw string, a raw identifier or a plain word.
    fn raw_string(&mut self) {
        self.line.code.push('r');
        let mut ahead = self.chars.clone();
        let mut hashes = 0;
        while ahead.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        if ahead.next() != Some('"') {
            return;
        }
        self.chars = ahead;
        self.line.code.push('"');
        // The number of hashes directly behind the last quote, or `None` if something else came after it.
        let mut closing = None;
        while closing != Some(hashes) {
            closing = match (self.chars.next(), closing) {
                (None, _) => break,
                (Some('"'), _) => Some(0),
                (Some('#'), Some(seen)) => Some(seen + 1),
                (Some('\n'), _) => {
                    self.end_line();
                    None
                }
                _ => None,
            };
        }
        self.line.code.push('"');
    }

    fn char_or_lifetime(&mut self) {
        self.line.code.push('\'');
        let mut ahead = self.chars.clone();
        let first = ahead.next();
        let literal = first == Some('\\') || ahead.next() == Some('\'');
        if !literal {
            return;
        }
        self.chars.next();
        if first == Some('\\') {
            self.chars.next();
        }
        while self.chars.next().is_some_and(|c| c != '\'') {}
        self.line.code.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<String> {
        split(text).into_iter().map(|line| line.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_leave_the_code() {
        let lines = split("let a = 1; // one /* not open\n/* two\n/* nested */ three */ let b = 2;\n/// doc");
        assert_eq!(lines[0].code, "let a = 1; ");
        assert!(lines[0].comment.contains("one"));
        assert_eq!((lines[1].code.as_str(), lines[2].code.as_str()), ("", " let b = 2;"));
        assert!(lines[1].comment.contains("two") && lines[2].comment.contains("three"));
        assert!(lines[3].comment.contains("doc"));
    }

    #[test]
    fn strings_are_emptied() {
        assert_eq!(code(r#"f("a // b \" c", b"x")"#), [r#"f("", b"")"#]);
        assert_eq!(code("f(r#\"a \" b\"#, br\"c\")"), ["f(r\"\", br\"\")"]);
        assert_eq!(code("f(\"one \\\n  two\n three\");"), ["f(\"", "", "\");"]);
        assert_eq!(code("r\"a\nb\" + c"), ["r\"", "\" + c"]);
    }

    #[test]
    fn lifetimes_and_chars_are_told_apart() {
        assert_eq!(
            code(r#"fn f<'a>(x: &'a str) { g('"', '\'', '\\', b'x', '\u{1F600}') } // é"#),
            ["fn f<'a>(x: &'a str) { g('', '', '', b'', '') }"]
        );
        assert_eq!(code("let r#type = for_r; r"), ["let r#type = for_r; r"]);
    }
}
