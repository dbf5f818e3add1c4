//! Text for people: sizes, ages, times and names from disk. Arguments in the same notation are parsed here too.

use std::{
    borrow::Cow,
    ffi::OsStr,
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// Names of binary units, each 1,024 times the one before.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Formats a size in binary units with one decimal. Below 1 KiB it is in bytes.
pub(crate) fn size(bytes: u64) -> String {
    let Some(at) = bytes.checked_ilog2().map_or(0, |bits| bits / 10).checked_sub(1) else {
        return format!("{bytes} B");
    };
    let unit = 1_u128 << (10 * (at + 1));
    let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
    // 1023.96 KiB rounds up to the next unit.
    let (tenths, at) = if tenths >= 10_240 && at < 5 { (10, at + 1) } else { (tenths, at) };
    let name = usize::try_from(at).ok().and_then(|at| UNITS.get(at)).unwrap_or(&"EiB");
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Parses `200MiB`, `64 KiB`, `1G` or a number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().map_err(|_| "not a size such as 200MiB".to_owned())?;
    let bits = match unit {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err("not a size such as 200MiB: the units are B, KiB, MiB, GiB, TiB".to_owned()),
    };
    number.checked_mul(1 << bits).filter(|&bytes| bytes > 0).ok_or_else(|| "out of range".to_owned())
}

/// Parses `26h`, `90m`, `2d` or `1w`.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().map_err(|_| "not an age such as 26h".to_owned())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err("not an age such as 26h: the units are s, m, h, d, w".to_owned()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "out of range".to_owned())
}

fn split_unit(text: &str) -> (&str, &str) {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    (number, unit.trim_start())
}

/// Formats a time in the local zone, to the minute.
pub(crate) fn local(time: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(time).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Formats the time between two moments, in its two largest units.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let between = now.duration_since(then);
    let text = span(between);
    if between.is_negative() { format!("in {text}") } else { text }
}

fn span(time: SignedDuration) -> String {
    let seconds = time.as_secs().unsigned_abs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

/// Converts the time of a file or a catalog. A time beyond the calendar becomes its last moment.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// Converts the time of a catalog, which counts from 1970.
pub(crate) fn since_epoch(time: Duration) -> Timestamp {
    SignedDuration::try_from(time)
        .ok()
        .and_then(|time| Timestamp::from_duration(time).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Escapes control characters. A name on disk can hold any character, and none may control the operator's terminal.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    Cow::Owned(escaped)
}

/// Formats a name from disk, on one line.
pub(crate) fn name(name: &OsStr) -> String {
    plain(&name.to_string_lossy()).into_owned()
}

/// Formats a path, on one line.
pub(crate) fn path(path: &Path) -> String {
    name(path.as_os_str())
}

/// Quotes a path as a shell word, for a command that the reader may paste. A path that is not UTF-8, or has control
/// characters, needs the quotes `$'…'` of bash, zsh and POSIX.1-2024.
pub(crate) fn word(at: &Path) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-@+,:=".contains(c);
    match at.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let byte = |byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                byte => format!("\\x{byte:02x}"),
            };
            format!("$'{}'", at.as_os_str().as_encoded_bytes().iter().map(byte).collect::<String>())
        }
    }
}

/// Formats a count and its noun: `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn sizes_are_in_binary_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_073_741_824, "1.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn sizes_and_ages_of_arguments_are_read() {
        assert_eq!(parse_size("200MiB"), Ok(200 << 20));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("1 GiB"), Ok(1 << 30));
        for bad in ["", "MiB", "1.5GiB", "1MB", "0", "-1", "99999999TiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_age("26h"), Ok(Duration::from_secs(93_600)));
        assert_eq!(parse_age("2d"), Ok(Duration::from_secs(172_800)));
        for bad in ["", "h", "1", "1y", "99999999999999999999h", "9999999999999999999w"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ages_have_two_units_and_a_direction() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (then, now, text) in [
            (0, 59, "59s"),
            (0, 3_599, "59m 59s"),
            (0, 93_600, "1d 2h"),
            (0, 7_260, "2h 1m"),
            (7_260, 0, "in 2h 1m"),
        ] {
            assert_eq!(age(at(then), at(now)), text);
        }
    }

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(plain("monday"), "monday");
        assert_eq!(plain("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(word(Path::new("/backups/monday")), "/backups/monday");
        assert_eq!(word(Path::new("it's here")), r"'it'\''s here'");
        assert_eq!(word(Path::new("a\nb's")), r"$'a\x0ab\'s'");
        assert_eq!(word(Path::new(OsStr::from_bytes(b"caf\xe9"))), r"$'caf\xe9'");
    }
}
