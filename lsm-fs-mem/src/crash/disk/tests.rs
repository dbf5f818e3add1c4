//! Tests on random workloads: folding forced changes into the image equals a complete log, and `Adversarial` contains
//! the states of the other profiles.

use std::path::Path;

use lsm_fs::{Fs, FsFile, FsOpenOptions, SyncMode};

use super::*;
use crate::{
    Recording,
    crash::{
        Budget, Choices, fingerprint,
        random::{seeds, workload},
    },
    hash::Seeded,
    machine::Event,
    mem_fs::MemFs,
    profile::Profile,
    recording::Explorer,
};

/// The complete log, and the part of it that is durable.
struct Whole {
    log: Vec<Micro>,
    forced: BTreeSet<Seq>,
}

impl Whole {
    /// Returns the image of the durable changes and some of the others.
    fn image(&self, start: &Tree, kept: impl Fn(&Micro) -> bool) -> Tree {
        let mut tree = start.clone();
        for micro in self.log.iter().filter(|micro| self.forced.contains(&micro.seq) || kept(micro)) {
            tree.apply(micro);
        }
        tree
    }
}

#[test]
fn a_folded_disk_has_the_states_of_the_full_log() {
    for seed in seeds(300) {
        let recording = workload(seed, 60, false);
        let roots = recording.hardware.roots();
        let profile = Profile::ALL[usize::try_from(seed % 4).unwrap()];
        let mut disk = Disk::new(recording.start.image.clone(), profile.into());
        let mut whole = Whole { log: Vec::new(), forced: BTreeSet::new() };
        for (at, event) in recording.events.iter().enumerate() {
            match event {
                Event::Micro(micro) => {
                    whole.log.push(micro.clone());
                    disk.push(micro.clone());
                    disk.absorb();
                }
                Event::Sync(call) => {
                    let durable = disk.clone().durable_by(*call);
                    whole.forced.extend(durable);
                    disk.sync(*call);
                }
                Event::Dropped(_) | Event::Note(_) => {}
            }
            // Any groups, and any changes of each file.
            let salt = Seeded::new(seed ^ at as u64).next();
            let kept = |micro: &Micro| match micro.change {
                Change::Link { .. } | Change::Unlink { .. } | Change::Permissions { .. } => {
                    Seeded::new(micro.group ^ salt).below(2) == 0
                }
                Change::Size { .. } | Change::Data { .. } => Seeded::new(micro.seq ^ salt).below(3) > 0,
            };
            let mut folded = disk.image.clone();
            for micro in disk.journal.iter().filter(|micro| kept(micro)) {
                folded.apply(micro);
            }
            let whole = whole.image(&recording.start.image, kept);
            assert_eq!(
                fingerprint(&folded, &roots),
                fingerprint(&whole, &roots),
                "seed {seed}, {profile}, after event {at}: {event:?}"
            );
        }
    }
}

/// Returns every image of every crash point, or `None` if there are too many.
fn states(recording: &Recording, profile: Profile) -> Option<BTreeSet<u128>> {
    let roots = recording.hardware.roots();
    let mut explorer = Explorer::new(recording, profile.into(), None);
    let mut found = BTreeSet::new();
    loop {
        if explorer.is_crash_point() {
            let axes = explorer.axes(true);
            let choices = Choices::new(&axes, Budget::Full, 0);
            if !choices.are_all() {
                return None;
            }
            found.extend(choices.map(|choice| fingerprint(&axes.replay(&explorer.disk, &choice), &roots)));
        }
        if !explorer.step() {
            return Some(found);
        }
    }
}

#[test]
fn adversarial_contains_the_states_of_named_profiles() {
    let mut strict = 0;
    for seed in seeds(120) {
        let recording = workload(seed, 16, true);
        let Some(adversarial) = states(&recording, Profile::Adversarial) else { continue };
        for profile in [Profile::Ext4, Profile::Xfs, Profile::Btrfs] {
            let named = states(&recording, profile).unwrap();
            assert!(named.is_subset(&adversarial), "seed {seed}, {profile}");
            strict += usize::from(named.len() < adversarial.len());
        }
    }
    assert!(strict > 60, "the workloads leave the adversary little to do: {strict}");
}

#[test]
fn changes_without_effect_are_dropped() {
    let fs = MemFs::new();
    let path = |round: usize| format!("/d{round}/f");
    for round in 0..50 {
        let dir = format!("/d{round}");
        fs.create_dir(Path::new(&dir)).unwrap();
        let file = fs.open(Path::new(&path(round)), &FsOpenOptions::new().write(true).create(true)).unwrap();
        file.write_at(b"x", 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
        let _ = fs.sync_directory(Path::new(&dir), SyncMode::Normal).unwrap();
        fs.remove_file(Path::new(&path(round))).unwrap();
        fs.remove_dir(Path::new(&dir)).unwrap();
        let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal).unwrap();
    }
    // The removals inside the directories were never synced. They went with the directories.
    assert_eq!((fs.pending(), fs.lock().storage_mut().disk().image.iter().count()), (0, 1));
}
