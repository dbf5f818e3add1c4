//! Formats one call as one line of text.

use std::{
    fmt::Write as _,
    io::SeekFrom,
    path::{Component, Path},
};

use lsm_fs::{
    Error, FileHint, FsOpenOptions, SyncMode,
    intercept::{Arguments, Call},
};

use crate::errno_name::errno_name;

/// A line in progress.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new(call: &Call<'_>, handle: Option<u64>, root: &Path) -> Self {
        let mut line = Self(call.op.name().to_owned());
        if let Some(handle) = handle {
            line.push(format_args!(" #{handle}"));
        }
        line.push(format_args!(" {}", shown_path(call.path, root)));
        if let Some(other) = call.other_path {
            line.push(format_args!(" -> {}", shown_path(other, root)));
        }
        line.arguments(call.arguments);
        line
    }

    fn arguments(&mut self, arguments: Arguments<'_>) {
        match arguments {
            Arguments::None => {}
            Arguments::Open(options) => self.options(options),
            Arguments::Sync(SyncMode::Normal) => self.0.push_str(" normal"),
            Arguments::Sync(SyncMode::Full) => self.0.push_str(" full"),
            Arguments::Range { offset, len } => self.push(format_args!(" {offset}+{len}")),
            Arguments::Transfer(len) | Arguments::Len(len) => self.push(format_args!(" {len}")),
            Arguments::Offset(offset) => self.push(format_args!(" {offset}")),
            Arguments::Seek(SeekFrom::Start(offset)) => self.push(format_args!(" start {offset}")),
            Arguments::Seek(SeekFrom::End(offset)) => self.push(format_args!(" end {offset}")),
            Arguments::Seek(SeekFrom::Current(offset)) => self.push(format_args!(" current {offset}")),
            Arguments::Private => self.0.push_str(" private"),
            Arguments::Permissions(to) => {
                self.push(format_args!(" {:04o} {}:{}", to.mode, to.owner, to.group));
            }
            Arguments::Hint(hint) => self.push(format_args!(" {}", hint_name(hint))),
            // An argument kind that this version does not know.
            other => self.push(format_args!(" {other:?}")),
        }
    }

    fn options(&mut self, options: &FsOpenOptions) {
        let words = [
            (options.read, " read"),
            (options.write, " write"),
            (options.append, " append"),
            (options.create, " create"),
            (options.create_new, " create_new"),
            (options.truncate, " truncate"),
            (options.direct_io, " direct_io"),
            (options.private, " private"),
        ];
        for (_, word) in words.iter().filter(|(is_set, _)| *is_set) {
            self.0.push_str(word);
        }
    }

    pub(super) fn handle(&mut self, number: u64) {
        self.push(format_args!(" -> #{number}"));
    }

    pub(super) fn value(&mut self, value: Option<&str>) {
        if let Some(value) = value {
            self.push(format_args!(" = {value}"));
        }
    }

    pub(super) fn error(&mut self, error: &Error) {
        match error.raw_os_error() {
            Some(code) => self.push(format_args!(" ! {}", errno_name(code))),
            None => self.push(format_args!(" ! {:?}", error.kind())),
        }
        if error.is_poisoned() {
            self.0.push_str(" poisoned");
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push('\n');
        self.0
    }

    fn push(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(part);
    }
}

fn hint_name(hint: FileHint) -> &'static str {
    match hint {
        FileHint::Sequential => "sequential",
        FileHint::Random => "random",
        FileHint::WillNeed => "will_need",
        FileHint::DontNeed => "dont_need",
        _ => "other",
    }
}

/// Formats a path on one line, with `/` between its components. A path below the root is shown relative to it.
fn shown_path(path: &Path, root: &Path) -> String {
    let path = match path.strip_prefix(root) {
        Ok(below) if !root.as_os_str().is_empty() => below,
        _ => path,
    };
    let mut text = String::new();
    for part in path.components() {
        if !text.is_empty() && !text.ends_with('/') {
            text.push('/');
        }
        match part {
            Component::RootDir => text.push('/'),
            part => text.push_str(&escaped(part.as_os_str().as_encoded_bytes())),
        }
    }
    if text.is_empty() {
        return ".".into();
    }
    let is_plain = text.chars().all(|c| !c.is_whitespace() && c != '"' && c != '\\');
    if is_plain { text } else { format!("\"{text}\"") }
}

/// Escapes bytes that are not UTF-8, control characters, quotes, and backslashes.
fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                c if c.is_control() || (c.is_whitespace() && c != ' ') => text.extend(c.escape_default()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
