//! Writes the observed trees to files. The tests of the model read these files.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{
    calibrate::Cuts,
    kind::{Kind, capture},
    observed::{Observed, encode},
};

/// The maximum number of random workloads to keep, besides those that the model missed.
const RANDOM: usize = 250;

/// The directory of the files, and the versions that each file names.
pub(crate) struct Recorder {
    dir: PathBuf,
    kernel: String,
    /// The versions of `mkfs`, in the order of [`Kind::ALL`].
    versions: Vec<String>,
}

impl Recorder {
    /// Asks the tools for their versions. This must happen before benches work, because no program may be started then.
    pub(crate) fn new(dir: &Path) -> anyhow::Result<Self> {
        // mkfs.ext4 and mkfs.xfs print their version to different streams.
        let version = |kind: Kind| {
            capture(Command::new("sh").args(["-c", &format!("mkfs.{kind} -V 2>&1 | head -n 1")]))
        };
        Ok(Self {
            dir: dir.to_owned(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            versions: Kind::ALL.into_iter().map(version).collect::<anyhow::Result<_>>()?,
        })
    }

    /// Writes one file for each file system.
    pub(crate) fn write(&self, cuts: &[Cuts]) -> anyhow::Result<()> {
        fs::create_dir_all(&self.dir)?;
        for (kind, version) in Kind::ALL.into_iter().zip(&self.versions) {
            let observed = kept(cuts.iter().filter(|cuts| cuts.kind == kind).collect());
            if observed.is_empty() {
                continue;
            }
            let path = self.dir.join(format!("{kind}.txt"));
            let text = encode(&self.comments(kind, version, cuts), &observed);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn comments(&self, kind: Kind, version: &str, cuts: &[Cuts]) -> String {
        let of_kind = || cuts.iter().filter(|cuts| cuts.kind == kind);
        let mounted: usize = of_kind().map(|cuts| cuts.mounted).sum();
        format!(
            "Trees that {kind} left after power cuts, seen by `cargo xtask powercut`. See tests/it/observed.rs.\n\
             kernel: Linux {}\nmkfs: {version}, with {}\nmount: noatime\n\
             recordings: {}, mounted states: {mounted}\n",
            self.kernel,
            kind.options().join(" "),
            of_kind().count()
        )
    }
}

/// Selects all listed workloads, all that the model missed, and a share of the random ones.
fn kept(cuts: Vec<&Cuts>) -> BTreeSet<Observed> {
    let is_needed = |cuts: &&Cuts| !cuts.is_random || !cuts.misses.is_empty();
    let (needed, random): (Vec<&Cuts>, Vec<&Cuts>) = cuts.into_iter().partition(is_needed);
    // A workload that left only one tree tests little.
    let random: Vec<&Cuts> = random.into_iter().filter(|cuts| cuts.observed.trees.len() > 1).collect();
    let some = random.iter().step_by((random.len() / RANDOM).max(1)).take(RANDOM);
    needed.iter().chain(some).map(|cuts| cuts.observed.clone()).collect()
}
