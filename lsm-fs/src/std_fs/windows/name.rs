//! Names that Windows refuses, or takes for something else (`windows/win32/fileio/naming-a-file`).

use std::{
    ffi::OsStr,
    io,
    path::{Component, Path},
};

/// Refuses a path with a name that Windows would change or refuse: it drops a trailing dot or space, opens another
/// stream of a file behind a colon, and finds devices under reserved names in every directory.
pub(super) fn check(path: &Path) -> io::Result<()> {
    for component in path.components() {
        if let Component::Normal(name) = component
            && !is_plain(name)
        {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "Windows does not allow this name"));
        }
    }
    Ok(())
}

/// std refuses NUL.
fn is_plain(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let is_refused = |byte: &u8| matches!(byte, 1..=31 | b'<' | b'>' | b':' | b'"' | b'|' | b'?' | b'*');
    !bytes.iter().any(is_refused) && !matches!(bytes.last(), Some(b'.' | b' ')) && !is_device(name)
}

fn is_device(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem).trim_end_matches(' ').to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        port => {
            let number = port.strip_prefix("COM").or_else(|| port.strip_prefix("LPT"));
            number.is_some_and(|number| matches!(number, "\u{b9}" | "\u{b2}" | "\u{b3}") || is_digit(number))
        }
    }
}

fn is_digit(number: &str) -> bool {
    matches!(number.as_bytes(), [b'0'..=b'9'])
}
