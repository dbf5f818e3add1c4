//! Membership: decides whether a crash of the recorded workload may leave a tree.

use std::ops::RangeBounds;

use super::{Explorer, Recording};
use crate::{
    crash::Disk,
    found::FoundTree,
    machine::Event,
    mem_fs::MemFs,
    profile::CrashModel,
    refusal::{Refusal, admits, is_admitted},
};

impl Recording {
    /// Decides whether a crash at one of these moments may leave this tree. A moment is a number of
    /// [events](Self::events) before the crash. Returns the first moment that allows the tree.
    ///
    /// # Contract
    ///
    /// The answer is exact, however many changes are pending. A sweep, in contrast, tries a sample where there are many
    /// states. Every state that a sweep tries is admitted.
    ///
    /// `found` is the tree from the root of the filesystem. Names, contents and identity are compared, but not modes
    /// and owners. If the model has [`torn_sector`](CrashModel#structfield.torn_sector), the last pending sector of
    /// each file may hold anything, except under btrfs.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: no crash at these moments leaves the tree. It explains the last moment. An empty range is refused
    /// as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use lsm_fs::{Fs, FsExt, SyncMode};
    /// use lsm_fs_mem::{FoundTree, MemFs, Profile};
    /// use std::path::Path;
    ///
    /// let fs = MemFs::new();
    /// fs.record();
    /// fs.write_new(Path::new("/a"), b"rows", SyncMode::Normal)?;
    /// fs.write_new(Path::new("/b"), b"more", SyncMode::Normal)?;
    /// let recording = fs.take_recording().unwrap();
    /// let end = recording.events();
    ///
    /// // The names were not synced, so a crash may lose the first and keep the second. No journal does that.
    /// let found = FoundTree::new().file(["/b"], b"more");
    /// assert_eq!(recording.admits(Profile::Adversarial, end.., &found), Ok(end));
    /// let refusal = recording.admits(Profile::Ext4, end.., &found).unwrap_err();
    /// println!("{refusal}");
    /// assert_eq!(refusal.paths, [Path::new("/a")]);
    /// # Ok::<(), lsm_fs::Error>(())
    /// ```
    pub fn admits(
        &self,
        model: impl Into<CrashModel>,
        moments: impl RangeBounds<usize>,
        found: &FoundTree,
    ) -> Result<usize, Refusal> {
        let model = model.into();
        let mut explorer = Explorer::new(self, model, None);
        let mut last = None;
        loop {
            if moments.contains(&explorer.point) && explorer.is_crash_point() {
                if is_admitted(&explorer.disk, &self.hardware, found) {
                    return Ok(explorer.point);
                }
                last = Some(explorer.point);
            }
            if !explorer.step() {
                break;
            }
        }
        let nothing = || Refusal { model, paths: Vec::new(), reason: "there is no such moment".to_owned() };
        let last = last.ok_or_else(nothing)?;
        let mut explorer = Explorer::new(self, model, None);
        explorer.go_to(last);
        admits(&explorer.disk, &self.hardware, model, found).map(|()| last)
    }

    /// Iterates over the notes of the workload, each with the number of events up to and including it.
    pub fn notes(&self) -> impl Iterator<Item = (usize, &str)> {
        self.events.iter().enumerate().filter_map(|(at, event)| match event {
            Event::Note(note) => Some((at + 1, note.as_str())),
            _ => None,
        })
    }
}

impl MemFs {
    /// Decides whether a crash now may leave this tree, under the crash model of this filesystem.
    ///
    /// [`Recording::admits`] also answers for earlier moments and for other models, and describes the contract.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: no crash leaves the tree.
    ///
    /// # Examples
    ///
    /// ```
    /// use lsm_fs::{Fs, FsExt, SyncMode};
    /// use lsm_fs_mem::{FoundTree, MemFs};
    /// use std::path::Path;
    ///
    /// let fs = MemFs::new();
    /// fs.write_new(Path::new("/table"), b"rows", SyncMode::Normal)?;
    /// let lost = FoundTree::new();
    /// fs.admits(&lost)?; // the name was not synced
    ///
    /// let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal)?;
    /// let refusal = fs.admits(&lost).unwrap_err();
    /// assert_eq!(
    ///     refusal.to_string(),
    ///     "no crash leaves this tree under adversarial: /table is missing (its name is on disk)"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn admits(&self, found: &FoundTree) -> Result<(), Refusal> {
        let mut machine = self.lock();
        let hardware = machine.hardware();
        let disk: &Disk = machine.storage_mut().disk();
        admits(disk, &hardware, hardware.model(), found)
    }
}
