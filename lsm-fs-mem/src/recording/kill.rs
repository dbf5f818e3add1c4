//! Kills: a process ends between two events, and the next one continues from the page cache.

use super::{Explorer, Recording};
use crate::{
    crash::assemble,
    machine::{Event, Machine},
    mem_fs::MemFs,
    micro::{Change, Payload},
};

impl Recording {
    /// Returns the moments at which a kill can end the process, as numbers of events.
    pub(crate) fn kill_points(&self) -> Vec<usize> {
        (0..=self.events.len()).filter(|point| !self.is_within_call(*point)).collect()
    }

    /// Returns whether the moment lies inside a call that is atomic for the process: between the halves of a rename,
    /// between the bytes of a write and the resulting length, or between the zeros of a truncation and its length.
    fn is_within_call(&self, point: usize) -> bool {
        let is_written_length = |event: &Event| match event {
            Event::Micro(micro) => matches!(micro.change, Change::Size { written: true, .. }),
            _ => false,
        };
        self.splits_a_group(point)
            || self.events.get(point).is_some_and(is_written_length)
            || self.splits_a_cut(point)
    }

    fn splits_a_cut(&self, point: usize) -> bool {
        let change = |at: Option<usize>| match self.events.get(at?)? {
            Event::Micro(micro) => Some(&micro.change),
            _ => None,
        };
        match (change(point.checked_sub(1)), change(Some(point))) {
            (
                Some(Change::Data { ino, range, payload: Payload::Zeros }),
                Some(Change::Size { ino: cut, to, from, .. }),
            ) => ino == cut && range.start == *to && to < from,
            _ => false,
        }
    }

    /// Returns the filesystem that the next process finds if this one is killed after `point` events.
    pub(crate) fn killed_at(&self, point: usize) -> MemFs {
        let cached = assemble(&self.live_at(point), &self.hardware.roots());
        let mut explorer = Explorer::new(self, self.hardware.model(), None);
        explorer.go_to(point);
        MemFs::from_machine(Machine::after_kill(&self.hardware, cached, explorer.disk))
    }

    /// Returns this recording up to the kill, followed by the recording of the next process.
    pub(crate) fn followed_by(&self, point: usize, next: Self) -> Self {
        let before = self.events.iter().take(point).cloned();
        Self {
            hardware: next.hardware,
            start: self.start.clone(),
            events: before.chain(next.events).collect(),
            killed_after: Some(point),
        }
    }
}
