//! [`StateId`]: the name of a crash state.

use std::{error, fmt, str::FromStr};

use crate::{crash::axes::Choice, micro::Ino, profile::CrashModel};

/// The name of one crash state of one workload. It is enough to rebuild the state in any process, as long as the
/// workload and the settings of the sweep are unchanged.
///
/// The text form is `profile@events=choice`:
///
/// - `profile` is the crash model, such as `ext4` or `adversarial+torn`.
/// - `events` is the number of events before the crash. `5!14` means that the process was killed after event 5 and that
///   the next process continued up to event 14.
/// - `~event.inode` or `~event.all` after the number means that another process synced that inode, or everything, after
///   that event.
/// - `choice` says how much of each pending change persisted: a digit for each independent choice, or `-` if there was
///   none.
/// - A second crash, during recovery, follows after a `/`.
///
/// # Examples
///
/// ```
/// use lsm_fs_mem::StateId;
///
/// let id: StateId = "btrfs@17~9.4=103/adversarial@2=0".parse()?;
/// assert_eq!(id.to_string(), "btrfs@17~9.4=103/adversarial@2=0");
/// # Ok::<(), lsm_fs_mem::ParseStateIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId {
    pub(crate) first: Crash,
    /// The crashes during recovery. A sweep takes at most one.
    pub(crate) later: Vec<Crash>,
}

/// One crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Crash {
    pub(crate) model: CrashModel,
    /// The number of events of the first process, if it was killed. Later events belong to the next process.
    pub(crate) killed_after: Option<usize>,
    /// The number of events before the crash.
    pub(crate) point: usize,
    pub(crate) foreign: Option<Foreign>,
    pub(crate) choice: Choice,
}

/// A sync by another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Foreign {
    /// The number of events before the sync.
    pub(crate) after: usize,
    /// The synced inode, or `None` for everything.
    pub(crate) target: Option<Ino>,
}

impl StateId {
    pub(crate) const fn of(crash: Crash) -> Self {
        Self { first: crash, later: Vec::new() }
    }

    /// Returns the model of the first crash.
    #[must_use]
    pub fn model(&self) -> CrashModel {
        self.first.model
    }

    pub(crate) fn then(&self, crash: Crash) -> Self {
        let mut then = self.clone();
        then.later.push(crash);
        then
    }
}

impl fmt::Display for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.later.iter().try_for_each(|crash| write!(f, "/{crash}"))
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.model)?;
        if let Some(killed_after) = self.killed_after {
            write!(f, "{killed_after}!")?;
        }
        write!(f, "{}", self.point)?;
        match self.foreign {
            Some(Foreign { after, target: Some(ino) }) => write!(f, "~{after}.{ino}")?,
            Some(Foreign { after, target: None }) => write!(f, "~{after}.all")?,
            None => {}
        }
        f.write_str("=")?;
        if self.choice.is_empty() {
            return f.write_str("-");
        }
        for value in &self.choice {
            match char::from_digit(*value, 36) {
                Some(digit) => write!(f, "{digit}")?,
                None => write!(f, ".{value}.")?,
            }
        }
        Ok(())
    }
}

/// An error: the text is not a state id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseStateIdError;

impl fmt::Display for ParseStateIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a state id: expected profile@events=choice")
    }
}

impl error::Error for ParseStateIdError {}

impl FromStr for StateId {
    type Err = ParseStateIdError;

    fn from_str(text: &str) -> Result<Self, ParseStateIdError> {
        let mut crashes = text.trim().split('/').map(|text| parse_crash(text).ok_or(ParseStateIdError));
        let first = crashes.next().ok_or(ParseStateIdError)??;
        Ok(Self { first, later: crashes.collect::<Result<_, _>>()? })
    }
}

fn parse_crash(text: &str) -> Option<Crash> {
    let (model, rest) = text.split_once('@')?;
    let (point, choice) = rest.split_once('=')?;
    let (killed_after, point) = match point.split_once('!') {
        Some((killed_after, point)) => (Some(killed_after.parse().ok()?), point),
        None => (None, point),
    };
    let (point, foreign) = match point.split_once('~') {
        Some((point, foreign)) => (point, Some(parse_foreign(foreign)?)),
        None => (point, None),
    };
    Some(Crash {
        model: model.parse().ok()?,
        killed_after,
        point: point.parse().ok()?,
        foreign,
        choice: if choice == "-" { Choice::new() } else { parse_choice(choice)? },
    })
}

fn parse_foreign(text: &str) -> Option<Foreign> {
    let (after, target) = text.split_once('.')?;
    let target = if target == "all" { None } else { Some(target.parse().ok()?) };
    Some(Foreign { after: after.parse().ok()?, target })
}

fn parse_choice(text: &str) -> Option<Choice> {
    let mut choice = Choice::new();
    // Values of more than one digit are enclosed in dots.
    for (index, part) in text.split('.').enumerate() {
        if index % 2 == 1 {
            choice.push(part.parse().ok()?);
        } else {
            for digit in part.chars() {
                choice.push(digit.to_digit(36)?);
            }
        }
    }
    text.matches('.').count().is_multiple_of(2).then_some(choice)
}

#[cfg(test)]
mod tests;
