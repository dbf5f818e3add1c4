//! Direct I/O of the loop devices that the mounts are on, for rows that are about a device.
//!
//! A loop device goes through the page cache of the filesystem that its image is on: what is read cold is copied once
//! more, and the commits of that filesystem's journal make the syncs of one image wait for the data of another. With
//! direct I/O a request of a mount is one of the disk.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

/// Loop devices that go past the page cache until this is dropped.
pub(crate) struct Direct(Vec<String>);

impl Direct {
    /// Those below these mounts; none where a mount is on something else, which needs no help.
    pub(crate) fn below(roots: &[&Path]) -> Self {
        let devices = roots.iter().filter_map(|root| device(root)).filter(|device| device.contains("/loop"));
        let each_once: BTreeSet<_> = devices.collect();
        Self(each_once.into_iter().filter(|device| set(device, "on")).collect())
    }

    /// The name of the volumes, which says how they are reached.
    pub(crate) fn named(&self, volume: &str) -> String {
        if self.0.is_empty() { volume.to_owned() } else { format!("{volume}, direct I/O") }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        for device in &self.0 {
            assert!(set(device, "off"), "{device} stays with direct I/O");
        }
    }
}

fn device(root: &Path) -> Option<String> {
    let found = Command::new("findmnt").args(["-n", "-o", "SOURCE", "--target"]).arg(root).output().ok()?;
    let device = String::from_utf8(found.stdout).ok()?;
    found.status.success().then(|| device.trim().to_owned())
}

fn set(device: &str, way: &str) -> bool {
    let done = Command::new("losetup").arg(format!("--direct-io={way}")).arg(device).output();
    done.is_ok_and(|Output { status, .. }| status.success())
}
