//! The rules of `prune`: pure, and the same as in restic's `forget`.
//!
//! Checkpoints are walked from the newest to the oldest. Each rule with a count keeps the newest of every period that
//! it meets, until its count is used up. A rule whose count is left at the end keeps the oldest one as well, so that
//! the history is as long as it can be. A checkpoint is kept if one rule keeps it.

use std::{fmt, str::FromStr};

use jiff::{Span, Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};

/// The number of checkpoints that a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// So many.
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

/// A length of the calendar, such as `7d` or `1y6m`. The letter `m` stands for months, as in restic.
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
    /// The moment that lies so long before another one, by the calendar of its zone. A day that the month does not have
    /// counts on into the next month, as in restic. `None`: before all calendars.
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

/// The rules of one call.
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

/// A period of the calendar; two moments with equal ones lie in the same.
type Period = (i32, i32);

/// Finds the period of a checkpoint, by its time and its position.
type PeriodOf = fn(&ZonedDateTime, usize) -> Period;

/// A rule with a count.
struct Rule {
    reason: &'static str,
    left: Keep,
    period: PeriodOf,
    /// The period of the last one that it kept.
    last: Option<Period>,
}

fn hour(time: &ZonedDateTime, _: usize) -> Period {
    (day(time, 0).0, i32::from(time.hour()))
}

fn day(time: &ZonedDateTime, _: usize) -> Period {
    (i32::from(time.year()) * 10_000 + i32::from(time.month()) * 100 + i32::from(time.day()), 0)
}

/// Weeks begin on Monday, and belong to the year that has most of their days (ISO 8601).
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
    /// Returns `true` if no rule is given, so that nothing would be kept.
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
    /// Tells if the rule keeps the checkpoint of this time.
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

/// The reasons to keep each checkpoint; none for one that goes. `times` are sorted, the newest first.
///
/// A length such as `7d` reaches back from the newest checkpoint that does not lie in the future: a database that is
/// backed up rarely keeps its last ones however old they are.
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
