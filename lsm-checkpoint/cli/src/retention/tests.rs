//! The retention rules in local time, and across daylight-saving changes.

use super::*;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn zone(text: &str) -> TimeZone {
    TimeZone::posix(text).unwrap()
}

/// Returns the times that are kept. `times` are sorted, newest first.
fn kept(times: &[&str], rules: &Rules, now: &str, zone_text: &str) -> Vec<String> {
    let parsed: Vec<Timestamp> = times.iter().map(|time| time.parse().unwrap()).collect();
    let reasons = retention(&parsed, rules, now.parse().unwrap(), &zone(zone_text));
    times.iter().zip(reasons).filter(|(_, why)| !why.is_empty()).map(|(time, _)| (*time).to_owned()).collect()
}

const NOW: &str = "2027-01-01T00:00:00Z";

fn count(number: u32) -> Option<Keep> {
    Some(Keep::Count(number))
}

#[test]
fn each_rule_keeps_the_newest_of_its_periods() {
    let times = [
        "2026-03-03T10:30:00Z",
        "2026-03-03T10:00:00Z",
        "2026-03-03T09:00:00Z",
        "2026-03-02T09:00:00Z",
        "2026-02-27T09:00:00Z",
        "2025-12-31T09:00:00Z",
        "2025-12-30T09:00:00Z",
    ];
    let oldest = 6;
    for (rules, expected) in [
        (Rules { last: count(2), ..Rules::default() }, vec![0, 1]),
        (Rules { hourly: count(2), ..Rules::default() }, vec![0, 2]),
        (Rules { daily: count(2), ..Rules::default() }, vec![0, 3]),
        (Rules { weekly: count(2), ..Rules::default() }, vec![0, 4]),
        (Rules { monthly: count(2), ..Rules::default() }, vec![0, 4]),
        (Rules { yearly: count(2), ..Rules::default() }, vec![0, 5]),
        // The count is not used up, so the oldest one is kept too.
        (Rules { yearly: count(3), ..Rules::default() }, vec![0, 5, oldest]),
        (Rules { last: Some(Keep::All), ..Rules::default() }, (0..7).collect()),
        (Rules { last: count(0), ..Rules::default() }, vec![]),
        (Rules { daily: count(1), last: count(2), ..Rules::default() }, vec![0, 1]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|at: usize| times[at].to_owned()).collect();
        assert_eq!(kept(&times, &rules, NOW, "UTC0"), expected, "{rules:?}");
    }
}

/// 23:30 and 00:30 UTC fall on one day in Berlin, and on two days in London.
#[test]
fn days_are_local() {
    let times = ["2026-01-11T00:30:00Z", "2026-01-10T23:30:00Z", "2026-01-09T12:00:00Z"];
    let rules = Rules { daily: count(2), ..Rules::default() };
    assert_eq!(kept(&times, &rules, NOW, BERLIN), [times[0], times[2]]);
    assert_eq!(kept(&times, &rules, NOW, "UTC0"), [times[0], times[1]]);
}

/// On 25 October 2026 the hour from 2 to 3 occurs twice. Both count as one hour, as in restic.
#[test]
fn an_hour_that_comes_twice_is_one_hour() {
    let times = ["2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-24T23:30:00Z"];
    let rules = Rules { hourly: count(2), ..Rules::default() };
    assert_eq!(kept(&times, &rules, NOW, BERLIN), [times[0], times[2]]);
    assert_eq!(kept(&times, &rules, NOW, "UTC0"), [times[0], times[1]]);
}

/// On 29 March 2026 there is no hour from 2 to 3, and the day has 23 hours.
#[test]
fn a_day_without_an_hour_is_one_day() {
    let times = ["2026-03-29T21:30:00Z", "2026-03-28T23:30:00Z", "2026-03-28T22:30:00Z"];
    let rules = Rules { daily: count(2), ..Rules::default() };
    assert_eq!(kept(&times, &rules, NOW, BERLIN), [times[0], times[2]]);
    let hours = ["2026-03-29T01:30:00Z", "2026-03-29T00:30:00Z"];
    let rules = Rules { hourly: count(2), ..Rules::default() };
    assert_eq!(kept(&hours, &rules, NOW, BERLIN), hours, "half past one, and half past three");
}

/// Seven days before 12:00 in summer time it is 12:00 in winter time, which is 169 hours earlier.
#[test]
fn a_span_is_counted_by_the_calendar() {
    let times = ["2026-03-30T10:00:00Z", "2026-03-23T11:00:01Z", "2026-03-23T11:00:00Z"];
    let within = |text: &str| Rules { within: Some(text.parse().unwrap()), ..Rules::default() };
    assert_eq!(kept(&times, &within("7d"), NOW, BERLIN), [times[0], times[1]]);
    assert_eq!(kept(&times, &within("168h"), NOW, BERLIN), [times[0], times[1], times[2]]);
    assert_eq!(kept(&times, &within("1m"), NOW, BERLIN).len(), 3);
}

/// One month before 31 March is "31 February", which runs over to 3 March.
#[test]
fn a_missing_day_runs_over_into_the_next_month() {
    let times = ["2026-03-31T12:00:00Z", "2026-03-03T12:00:01Z", "2026-03-03T12:00:00Z"];
    let rules = Rules { within: Some("1m".parse().unwrap()), ..Rules::default() };
    assert_eq!(kept(&times, &rules, NOW, "UTC0"), [times[0], times[1]]);
}

/// A span starts at the newest checkpoint that is not in the future. Checkpoints in the future are kept.
#[test]
fn a_checkpoint_in_the_future_does_not_move_the_span() {
    let times =
        ["2030-01-01T00:00:00Z", "2026-03-10T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-01T00:00:00Z"];
    let rules = Rules { within: Some("2d".parse().unwrap()), ..Rules::default() };
    assert_eq!(kept(&times, &rules, "2026-03-11T00:00:00Z", "UTC0"), times[..3]);
    assert_eq!(kept(&times[..1], &rules, "2026-03-11T00:00:00Z", "UTC0"), times[..1], "all in the future");
    let daily = Rules { daily: count(1), ..Rules::default() };
    assert_eq!(kept(&times, &daily, "2026-03-11T00:00:00Z", "UTC0"), times[..1], "it counts by its date");
}

/// At equal times, the first one in the list counts as the newest.
#[test]
fn of_equal_times_the_first_is_kept() {
    let time: Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
    let rules = Rules { daily: count(1), ..Rules::default() };
    let reasons = retention(&[time; 3], &rules, NOW.parse().unwrap(), &TimeZone::UTC);
    assert_eq!(reasons.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
}

#[test]
fn the_reasons_are_named() {
    let times = ["2026-03-10T00:00:00Z", "2026-03-09T00:00:00Z"].map(|time| time.parse().unwrap());
    let rules = Rules {
        last: count(1),
        monthly: count(1),
        within: Some("1y2m3d4h".parse().unwrap()),
        ..Rules::default()
    };
    let reasons = retention(&times, &rules, NOW.parse().unwrap(), &TimeZone::UTC);
    assert_eq!(reasons, [vec!["within 1y2m3d4h", "last", "monthly"], vec!["within 1y2m3d4h"]]);
    assert!(retention(&[], &rules, NOW.parse().unwrap(), &TimeZone::UTC).is_empty());
}

#[test]
fn lengths_and_counts_are_read() {
    for bad in ["", "7", "d", "7x", "0d", "-1d", "99999d", "1d 2h"] {
        assert!(bad.parse::<Within>().is_err(), "{bad}");
    }
    assert_eq!("2y5m7d3h".parse::<Within>().unwrap().to_string(), "2y5m7d3h");
    assert_eq!("all".parse(), Ok(Keep::All));
    assert!("-1".parse::<Keep>().is_err() && "".parse::<Keep>().is_err());
    assert!(Rules::default().is_empty() && !Rules { last: count(0), ..Rules::default() }.is_empty());
}

/// Times at the ends of the calendar cause no panic.
#[test]
fn the_ends_of_time_are_bounded() {
    let rules = Rules {
        within: Some("32767y".parse().unwrap()),
        hourly: count(9),
        weekly: count(9),
        ..Rules::default()
    };
    for zone_text in ["UTC0", BERLIN] {
        let reasons = retention(&[Timestamp::MAX, Timestamp::MIN], &rules, Timestamp::MAX, &zone(zone_text));
        assert!(reasons.iter().all(|why| !why.is_empty()));
    }
}

/// The README shows this table.
#[test]
fn the_example_of_the_manual_is_right() {
    let times = [
        "2026-03-10T23:00:00Z",
        "2026-03-10T11:00:00Z",
        "2026-03-09T23:00:00Z",
        "2026-03-08T23:00:00Z",
        "2026-02-28T23:00:00Z",
    ];
    let rules = Rules { daily: count(2), monthly: count(2), ..Rules::default() };
    assert_eq!(kept(&times, &rules, NOW, "UTC0"), [times[0], times[2], times[4]]);
}
