//! Splits Rust source into code and comments, line by line, so that a check reads only one of them.
//!
//! The lexer is rustc's own. `syn` has no comments, and it refuses a file that does not parse.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

/// One line of source.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The code. Strings keep their quotes and lose their content.
    pub(super) code: String,
    /// The text of comments, doc comments included.
    pub(super) comment: String,
}

/// Splits `text`.
pub(super) fn split(text: &str) -> Vec<Line> {
    let (mut lines, mut line, mut rest) = (Vec::new(), Line::default(), text);
    for token in tokenize(text, FrontmatterAllowed::No) {
        let (piece, behind) = rest.split_at(token.len as usize);
        rest = behind;
        let is_comment = matches!(token.kind, TokenKind::LineComment { .. } | TokenKind::BlockComment { .. });
        let quoted = quoted(token.kind, piece);
        if let Some((prefix, quote)) = quoted {
            line.code.extend([prefix, quote]);
        }
        for (at, part) in piece.split('\n').enumerate() {
            if at > 0 {
                lines.push(std::mem::take(&mut line));
            }
            match quoted {
                None if is_comment => line.comment.push_str(part),
                None => line.code.push_str(part),
                Some(_) => {}
            }
        }
        line.code.extend(quoted.map(|(_, quote)| quote));
    }
    lines.push(line);
    lines
}

/// The letters before the quotes of a string or a character, and the quotes.
fn quoted(kind: TokenKind, piece: &str) -> Option<(&str, &str)> {
    let TokenKind::Literal { kind, .. } = kind else { return None };
    if matches!(kind, LiteralKind::Int { .. } | LiteralKind::Float { .. }) {
        return None;
    }
    let content = piece.trim_start_matches(char::is_alphabetic);
    Some((piece.strip_suffix(content)?, if content.starts_with('\'') { "'" } else { "\"" }))
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
    fn lifetimes_and_chars_are_distinguished() {
        assert_eq!(
            code(r#"fn f<'a>(x: &'a str) { g('"', '\'', '\\', b'x', '\u{1F600}') } // é"#),
            ["fn f<'a>(x: &'a str) { g('', '', '', b'', '') }"]
        );
        assert_eq!(code("let r#type = for_r; r"), ["let r#type = for_r; r"]);
    }
}
