//! Texts that code must not contain, and texts that some code must contain.

use super::tree::{Source, Tree, has_word};

const MAX_LINES: usize = 400;
const FULL_LINES: usize = 350;

/// Files that only compute. A file without I/O can be tested without a filesystem.
const PURE: &[&str] = &[
    "lsm-manifest/src/format.rs",
    "lsm-manifest/src/block.rs",
    "lsm-manifest/src/footer.rs",
    "lsm-manifest/src/digest.rs",
    "lsm-checkpoint/src/layout.rs",
    "lsm-checkpoint/src/plan.rs",
    "lsm-fs-mem/src/micro.rs",
    "lsm-fs-mem/src/profile.rs",
];

/// A text that a line of code must not contain, and the alternative.
const BANNED: &[(&str, &str)] = &[
    ("todo!", "finish it, or return an error"),
    ("unimplemented!", "finish it, or return an error"),
    ("#[ignore", "a test runs or goes; one that needs root belongs to the `realfs` target"),
    ("unsafe {", "ask rustix or std for a safe call"),
    ("unsafe fn", "ask rustix or std for a safe call"),
    ("unsafe impl", "let the compiler derive it"),
    ("failure_persistence", "leave the default, which keeps the seeds of failures in files"),
    ("thread::sleep", "wait for the event: join, a channel, a condition variable"),
];

/// Finds files of more than 400 lines. A file that does one thing is shorter.
pub(super) fn long_files(tree: &Tree) -> Vec<String> {
    let long =
        tree.rust().map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > MAX_LINES);
    long.map(|(file, lines)| {
        format!("{}: {lines} lines, {MAX_LINES} at most; split it by what it does", file.path)
    })
    .collect()
}

/// Advises to split files that are nearly too long.
pub(super) fn full_files(tree: &Tree) -> Vec<String> {
    let lines = tree.rust().map(|file| (file, file.text.lines().count()));
    let full = lines.filter(|(_, lines)| (FULL_LINES + 1..=MAX_LINES).contains(lines));
    full.map(|(file, lines)| format!("{}: {lines} lines; does it still do one thing?", file.path)).collect()
}

pub(super) fn banned_calls(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.rust() {
        for (line, code) in file.code() {
            for (call, instead) in BANNED.iter().filter(|(call, _)| code.contains(call)) {
                errors.push(format!("{}:{line}: `{call}`: {instead}", file.path));
            }
        }
    }
    errors
}

/// The crates whose silent defaults are counted, and the number that may stay.
const COUNTED: &[&str] = &["lsm-fs/src/", "lsm-fs-mem/src/", "lsm-manifest/src/", "lsm-checkpoint/src/"];
const SILENT_DEFAULTS: usize = 10;

/// Counts `unwrap_or_default()` in the core crates. If the default stands for a state that cannot occur, it hides the
/// bug by which that state occurs.
pub(super) fn silent_defaults(tree: &Tree) -> Vec<String> {
    let counted = |file: &&Source| COUNTED.iter().any(|dir| file.path.starts_with(dir)) && !file.is_test();
    let lines =
        tree.rust().filter(counted).flat_map(|file| file.code().map(move |(at, code)| (file, at, code)));
    let found: Vec<_> = lines.filter(|(.., code)| code.contains("unwrap_or_default()")).collect();
    let (Some((file, line, _)), true) = (found.first(), found.len() > SILENT_DEFAULTS) else {
        return Vec::new();
    };
    let places: Vec<_> = found.iter().map(|(file, line, _)| format!("{}:{line}", file.path)).collect();
    vec![format!(
        "{}:{line}: `unwrap_or_default()` stands {} times in the core crates, {SILENT_DEFAULTS} at most; let a type \
         exclude the case, or return early: {}",
        file.path,
        found.len(),
        places.join(", ")
    )]
}

/// Finds names that fit every type and describe none.
pub(super) fn vague_type_names(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.rust() {
        for (line, code) in file.code() {
            let mut words =
                code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            while let Some(word) = words.next() {
                if matches!(word, "struct" | "enum" | "trait" | "type")
                    && let Some(name) = words.next()
                    && ["Manager", "Helper", "Utils"].iter().any(|vague| name.contains(vague))
                {
                    errors.push(format!("{}:{line}: `{name}`: name it by what it does", file.path));
                }
            }
        }
    }
    errors
}

/// Finds `allow` attributes without a reason. Without the reason, nobody knows when the attribute can be removed.
pub(super) fn reasonless_allows(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.rust() {
        for (line, code) in file.code() {
            if code.contains("#[allow(") || code.contains("#![allow(") {
                let rest: String = file.code().skip(line - 1).map(|(_, code)| code).take(8).collect();
                let start = rest.find("[allow(").unwrap_or_default();
                let attribute =
                    rest.get(start..).and_then(|rest| rest.split(")]").next()).unwrap_or_default();
                if !has_word(attribute, "reason") {
                    errors.push(format!(
                        "{}:{line}: an `allow` without `reason = \"…\"`; give the reason",
                        file.path
                    ));
                }
            }
        }
    }
    errors
}

pub(super) fn pure_files(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in PURE.iter().filter_map(|path| tree.file(path)) {
        for (line, code) in file.code() {
            let io = has_word(code, "Fs") || code.contains("std::fs") || code.contains("lsm_fs::");
            if io {
                errors.push(format!("{}:{line}: this file is pure; do the I/O in its caller", file.path));
            }
        }
    }
    errors
}

/// Finds wrappers of an `Fs` or an `FsFile` that could inherit a default method. The default does not call the wrapped
/// value's own method, so a sync or a batch can get lost.
pub(super) fn wrappers(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for file in tree.rust().filter(|file| file.path.contains("/src/") && !file.is_test()) {
        if file.code().any(|(_, code)| code.contains("#![deny(clippy::missing_trait_methods)]")) {
            continue;
        }
        let lines: Vec<_> = file.code().take_while(|(_, code)| !code.contains("mod tests {")).collect();
        for (at, (line, code)) in lines.iter().enumerate() {
            let header = impl_header(lines.get(at..).unwrap_or_default());
            let forwards = code.trim_start().starts_with("impl") && is_wrapper(file, &header);
            let above = lines.get(at.saturating_sub(6)..at).unwrap_or_default();
            let own = above.rsplit(|(_, code)| code.contains(['}', ';'])).next().unwrap_or_default();
            if forwards && !own.iter().any(|(_, code)| code.contains("deny(clippy::missing_trait_methods)")) {
                errors.push(format!(
                    "{}:{line}: a wrapper without `#[deny(clippy::missing_trait_methods)]`; add it and forward every \
                     method",
                    file.path
                ));
            }
        }
    }
    errors
}

/// Finds third-party types in public conversions. Their next major version would force one on us.
pub(super) fn public_conversions(tree: &Tree) -> Vec<String> {
    let foreign = ["rustix", "Errno", "xxhash_rust", "aes", "aes_gcm", "aead", "reed_solomon"];
    let mut errors = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        for (line, code) in file.code() {
            let Some((_, conversion)) =
                code.split_once("impl From<").or_else(|| code.split_once("impl TryFrom<"))
            else {
                continue;
            };
            let target =
                conversion.rsplit(" for ").next().unwrap_or_default().trim_end_matches(['{', '}', ' ']);
            if foreign.iter().any(|name| has_word(conversion, name)) && !is_private(file, target) {
                errors.push(format!(
                    "{}:{line}: a third-party type in a public `From`; convert where the error arises",
                    file.path
                ));
            }
        }
    }
    errors
}

/// Returns `true` if `file` declares the type `name` and keeps it to its crate.
fn is_private(file: &Source, name: &str) -> bool {
    let declares = |code: &str, what: &str| code.contains(what) && has_word(code, name);
    let declaration = |code: &str| declares(code, "struct ") || declares(code, "enum ");
    file.code().any(|(_, code)| declaration(code) && !code.trim_start().starts_with("pub "))
}

/// The text from `impl` to the brace that opens its body.
fn impl_header(lines: &[(usize, &str)]) -> String {
    let mut header = String::new();
    for (_, code) in lines.iter().take(8) {
        header.push_str(code.split('{').next().unwrap_or_default());
        header.push(' ');
        if code.contains('{') {
            break;
        }
    }
    header
}

/// Returns `true` if `header` implements `Fs` or `FsFile` for a type that wraps another one.
fn is_wrapper(file: &Source, header: &str) -> bool {
    let generic = header.trim_start().starts_with("impl<");
    let decorator = file.path.starts_with("lsm-fs-mem/src/")
        && file.path.ends_with("_fs.rs")
        && !file.path.ends_with("/mem_fs.rs");
    let implements = has_word(header, "Fs for") || has_word(header, "FsFile for");
    implements && (generic || decorator)
}

#[cfg(test)]
mod tests;
