//! The rules of `prune`, as pure functions. They keep the same checkpoints as restic's `forget`.
//!
//! Checkpoints are visited from the newest to the oldest. Each rule with a count keeps the newest checkpoint of every
//! period that it meets, until its count is used up. If its count is not used up at the end, it also keeps the oldest
//! checkpoint, so that the history is as long as possible. A checkpoint is kept if at least one rule keeps it.

use std::{fmt, str::FromStr};

use jiff::{Span, Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};

/// The number of checkpoints that a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// This number of checkpoints.
    Count(u32),
    /// All of them.
    All,
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" | "unlimited" => Ok(Self::All),
            text => text.parse().map(Self::Count).map_err(|_| "neither a number nor `all`".to_owned()),
        }
    }
}

impl Keep {
    const fn is_left(self) -> bool {
        !matches!(self, Self::Count(0))
    }

    const fn use_one(&mut self) {
        if let Self::Count(count) = self {
            *count = count.saturating_sub(1);
        }
    }
}

/// A span of the calendar, such as `7d` or `1y6m`. The letter `m` stands for months, as in restic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Within {
    years: i16,
    months: i16,
    days: i16,
    hours: i16,
}

impl FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "not a length such as 7d or 1y6m: the units are y, m (months), d, h".to_owned();
        let (mut within, mut rest) = (Self::default(), text);
        while !rest.is_empty() {
            let at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, unit) = rest.split_at(at);
            let number: i16 = number.parse().map_err(|_| wrong())?;
            let mut letters = unit.chars();
            let place = match letters.next() {
                Some('y') => &mut within.years,
                Some('m') => &mut within.months,
                Some('d') => &mut within.days,
                Some('h') => &mut within.hours,
                _ => return Err(wrong()),
            };
            *place = number;
            rest = letters.as_str();
        }
        if within == Self::default() { Err(wrong()) } else { Ok(within) }
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, 'y'), (self.months, 'm'), (self.days, 'd'), (self.hours, 'h')];
        parts
            .iter()
            .filter(|(number, _)| *number != 0)
            .try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl Within {
    /// Subtracts the span from a time, by the calendar of its zone. Returns `None` if no calendar reaches back that
    /// far.
    ///
    /// A day that the month does not have runs over into the next month, as in restic: 31 February is 3 March.
    fn before(self, time: &ZonedDateTime) -> Option<ZonedDateTime> {
        let months = i32::from(time.year()) * 12 + i32::from(time.month()) - 1;
        let months = months - i32::from(self.years) * 12 - i32::from(self.months);
        let year = i16::try_from(months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        let days = i64::from(time.day()) - 1 - i64::from(self.days);
        let date = Date::new(year, month, 1).ok()?.checked_add(Span::new().try_days(days).ok()?).ok()?;
        let same_hour = date.to_datetime(time.time()).to_zoned_datetime(time.time_zone().clone()).ok()?;
        same_hour.checked_sub(Span::new().try_hours(self.hours).ok()?).ok()
    }
}

/// The rules of one `prune`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) last: Option<Keep>,
    pub(crate) hourly: Option<Keep>,
    pub(crate) daily: Option<Keep>,
    pub(crate) weekly: Option<Keep>,
    pub(crate) monthly: Option<Keep>,
    pub(crate) yearly: Option<Keep>,
    pub(crate) within: Option<Within>,
}

/// A period of the calendar. Two times lie in the same period if their values are equal.
type Period = (i32, i32);

/// Returns the period of a checkpoint, given its time and its position in the list.
type PeriodOf = fn(&ZonedDateTime, usize) -> Period;

/// A rule with a count.
struct Rule {
    reason: &'static str,
    left: Keep,
    period: PeriodOf,
    /// The period of the last checkpoint that the rule kept.
    last: Option<Period>,
}

fn hour(time: &ZonedDateTime, _: usize) -> Period {
    (day(time, 0).0, i32::from(time.hour()))
}

fn day(time: &ZonedDateTime, _: usize) -> Period {
    (i32::from(time.year()) * 10_000 + i32::from(time.month()) * 100 + i32::from(time.day()), 0)
}

/// Returns the ISO 8601 week. It begins on Monday, and belongs to the year that has most of its days.
fn week(time: &ZonedDateTime, _: usize) -> Period {
    let week = time.date().iso_week_date();
    (i32::from(week.year()), i32::from(week.week()))
}

fn month(time: &ZonedDateTime, _: usize) -> Period {
    (i32::from(time.year()), i32::from(time.month()))
}

fn year(time: &ZonedDateTime, _: usize) -> Period {
    (i32::from(time.year()), 0)
}

impl Rules {
    /// Returns `true` if no rule is given. A `prune` without rules would keep nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.within.is_none()
            && matches!(
                (self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly),
                (None, None, None, None, None, None)
            )
    }

    fn counted(&self) -> Vec<Rule> {
        let position: fn(&ZonedDateTime, usize) -> Period =
            |_, at| (i32::try_from(at).unwrap_or(i32::MAX), 0);
        let rules: [(_, _, PeriodOf); 6] = [
            ("last", self.last, position),
            ("hourly", self.hourly, hour),
            ("daily", self.daily, day),
            ("weekly", self.weekly, week),
            ("monthly", self.monthly, month),
            ("yearly", self.yearly, year),
        ];
        let given = rules.into_iter().filter_map(|(reason, keep, period)| Some((reason, keep?, period)));
        given.map(|(reason, left, period)| Rule { reason, left, period, last: None }).collect()
    }
}

impl Rule {
    /// Returns `true` if the rule keeps the checkpoint, and counts it.
    fn keeps(&mut self, time: &ZonedDateTime, at: usize, is_oldest: bool) -> bool {
        if !self.left.is_left() {
            return false;
        }
        let period = Some((self.period)(time, at));
        if period == self.last && !is_oldest {
            return false;
        }
        self.last = period;
        self.left.use_one();
        true
    }
}

/// Returns the reasons to keep each checkpoint. A checkpoint without a reason is removed. `times` must be sorted,
/// newest first.
///
/// A span such as `7d` reaches back from the newest checkpoint whose time is not in the future, and not from the
/// present. So a database that is rarely backed up keeps its last checkpoints, however old they are.
pub(crate) fn retention(
    times: &[Timestamp],
    rules: &Rules,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<Vec<String>> {
    let times: Vec<_> = times.iter().map(|time| time.to_zoned_datetime(zone.clone())).collect();
    let newest = times.iter().find(|time| time.timestamp() < now);
    let reach = rules.within.map(|within| (within, newest.and_then(|newest| within.before(newest))));
    let mut counted = rules.counted();
    let mut reasons = Vec::new();
    for (at, time) in times.iter().enumerate() {
        let mut of_this = Vec::new();
        if let Some((within, oldest)) = &reach
            && oldest.as_ref().is_none_or(|oldest| time > oldest)
        {
            of_this.push(format!("within {within}"));
        }
        let is_oldest = at + 1 == times.len();
        let keep =
            counted.iter_mut().filter_map(|rule| rule.keeps(time, at, is_oldest).then_some(rule.reason));
        of_this.extend(keep.map(str::to_owned));
        reasons.push(of_this);
    }
    reasons
}

#[cfg(test)]
mod tests;
