//! [`Record`]: a line of `--json`.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::Path};

use jiff::Timestamp;
use serde_json::{Value, json};

/// The version of the records. Within a version, fields may be added, but none is renamed or removed.
const VERSION: u32 = 1;

/// An object with `version`, `type` and the fields of that type, in the order in which they were added.
#[derive(Clone, Debug)]
pub(crate) struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// Makes an object of this type, without fields.
    pub(crate) fn new(kind: &'static str) -> Self {
        Self(vec![("version", json!(VERSION)), ("type", json!(kind))])
    }

    /// Adds any value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a 64-bit number as a string, because a JSON reader that uses doubles would round it.
    pub(crate) fn number(self, name: &'static str, number: impl Into<Option<u64>>) -> Self {
        self.with(name, number.into().map(|number| number.to_string()))
    }

    /// Adds a checksum of 128 bits, as 32 hexadecimal digits.
    pub(crate) fn checksum(self, name: &'static str, checksum: Option<u128>) -> Self {
        self.with(name, checksum.map(|checksum| format!("{checksum:032x}")))
    }

    /// Adds a path.
    pub(crate) fn path(self, name: &'static str, path: &Path) -> Self {
        self.with(name, of_path(path.as_os_str()))
    }

    /// Adds a time in UTC.
    pub(crate) fn time(self, name: &'static str, time: impl Into<Option<Timestamp>>) -> Self {
        self.with(name, time.into().map(|time| time.to_string()))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}\"{name}\":{value}", if at == 0 { '{' } else { ',' })?;
        }
        f.write_str("}")
    }
}

/// Encodes a path or a name: `{"text": …}` if it is UTF-8, otherwise `{"bytes": …}` in base64.
pub(crate) fn of_path(path: &OsStr) -> Value {
    match path.to_str() {
        Some(text) => json!({ "text": text }),
        None => json!({ "bytes": base64(path.as_bytes()) }),
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes bytes in base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            let digit = DIGITS.get(digit).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_one_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe]), "//4=");
    }

    #[test]
    fn a_record_is_one_line_in_order() {
        let record = Record::new("x").number("n", u64::MAX).number("none", None).path("p", Path::new("a\nb"));
        assert_eq!(
            record.checksum("c", Some(1)).to_string(),
            concat!(
                r#"{"version":1,"type":"x","n":"18446744073709551615","none":null,"#,
                r#""p":{"text":"a\nb"},"c":"00000000000000000000000000000001"}"#
            )
        );
        assert_eq!(of_path(OsStr::from_bytes(b"\xff")), json!({ "bytes": "/w==" }));
    }
}
