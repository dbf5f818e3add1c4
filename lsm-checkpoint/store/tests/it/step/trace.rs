//! Describes steps in words, for reports and replays.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::names::Names;
use super::world::{Answer, Fate, Request};

/// The constant time of the store. With a moving clock, no state would occur twice.
pub(crate) fn store_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Describes a request, as in `create head/…2`.
pub(crate) fn request(names: &Names, request: &Request) -> String {
    let text = |key| short(&names.text(key));
    match *request {
        Request::Put { key, create, .. } => {
            format!("{} {}", if create { "create" } else { "put" }, text(key))
        }
        Request::Get { key } => format!("get {}", text(key)),
        Request::Delete { key } => format!("delete {}", text(key)),
        Request::Copy { from, to, .. } => format!("copy {} {}", text(from), text(to)),
        Request::Page { prefix, after } => {
            let mut out = format!("list {}", prefix.map_or_else(String::new, text));
            if let Some(after) = after {
                write!(out, " after {}", text(after)).unwrap();
            }
            out
        }
    }
}

/// Describes an answer.
pub(crate) fn answer(names: &Names, answer: &Answer) -> String {
    match answer {
        Answer::Done => "done".to_owned(),
        Answer::Exists => "exists".to_owned(),
        Answer::Missing => "not found".to_owned(),
        Answer::Unknown => "unknown".to_owned(),
        Answer::Object(content) => format!("{} bytes", names.len(*content)),
        Answer::Page { keys, last } => {
            let keys: Vec<_> = keys.iter().map(|pair| short(&names.text(pair.0))).collect();
            format!("{}{}", keys.join(" "), if *last { "" } else { " …" })
        }
    }
}

pub(crate) fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Served => "",
        Fate::Lost => ", answer lost",
        Fate::Failed => ", failed",
        Fate::Later => ", in flight",
        Fate::Conflict => ", conflict",
    }
}

/// Shortens the zeros and random numbers of a key.
pub(crate) fn short(key: &str) -> String {
    let part = |part: &str| {
        let number = part.len() == 20 && part.bytes().all(|byte| byte.is_ascii_digit());
        match part.trim_start_matches('0') {
            "" if number => "0".to_owned(),
            rest if number => rest.to_owned(),
            _ if part.len() > 12 => part.chars().take(6).collect(),
            _ => part.to_owned(),
        }
    };
    key.split('/').map(part).collect::<Vec<_>>().join("/")
}
