//! Simulates a server with a wrong clock: shifts the times in headers and in lists.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta};
use hyper::Response;
use hyper::header::{DATE, HeaderValue, LAST_MODIFIED};

const OPEN: &str = "<LastModified>";

/// Shifts the times of an answer by some seconds.
pub(crate) fn shift(answer: &mut Response<Bytes>, seconds: i64) {
    let by = TimeDelta::seconds(seconds);
    for name in [DATE, LAST_MODIFIED] {
        let old = answer.headers().get(&name).and_then(|value| value.to_str().ok());
        let new = old.and_then(|text| header(text, by)).and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(new) = new {
            answer.headers_mut().insert(name, new);
        }
    }
    let text = std::str::from_utf8(answer.body()).ok().filter(|text| text.contains(OPEN));
    if let Some(moved) = text.map(|text| list(text, by)) {
        *answer.body_mut() = moved.into();
    }
}

fn header(text: &str, by: TimeDelta) -> Option<String> {
    let time = DateTime::parse_from_rfc2822(text).ok()?.checked_add_signed(by)?;
    Some(time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

fn list(text: &str, by: TimeDelta) -> String {
    let mut pieces = text.split(OPEN);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (time, rest) = piece.split_once('<').unwrap_or((piece, ""));
        let moved = DateTime::parse_from_rfc3339(time).ok().and_then(|time| time.checked_add_signed(by));
        let time =
            moved.map_or_else(|| time.to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        out.push_str(OPEN);
        out.push_str(&time);
        out.push('<');
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_in_headers_and_lists() {
        let by = TimeDelta::hours(1);
        assert_eq!(header("Sun, 29 Nov 2026 21:15:50 GMT", by).unwrap(), "Sun, 29 Nov 2026 22:15:50 GMT");
        let old = "<a/><LastModified>2026-11-29T23:15:50.000Z</LastModified><b/>";
        assert_eq!(list(old, by), "<a/><LastModified>2026-11-30T00:15:50.000Z</LastModified><b/>");
    }
}
