//! Direct I/O of the loop devices that the mounts are on, for rows that are about a device.
//!
//! A loop device goes through the page cache of the filesystem that its image is on: what is read cold is copied once
//! more, and the commits of that filesystem's journal make the syncs of one image wait for the data of another. With
//! direct I/O a request of a mount is one of the disk.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Loop devices that go past the page cache until this is dropped.
pub(crate) struct Direct {
    /// Those that did not do so before.
    switched: Vec<String>,
    /// Whether there are loop devices, and all of them go past it.
    all: bool,
}

impl Direct {
    /// Those below these mounts; none where a mount is on something else, which needs no help.
    pub(crate) fn below(roots: &[&Path]) -> Self {
        let devices: BTreeSet<_> =
            roots.iter().filter_map(|root| device(root)).filter(|device| device.contains("/loop")).collect();
        let mut direct = Self { switched: Vec::new(), all: !devices.is_empty() };
        for device in devices {
            if is_direct(&device) {
                continue;
            }
            match set(&device, "on") {
                Ok(()) => direct.switched.push(device),
                Err(reason) => {
                    eprintln!("warning: no direct I/O of {device}: {reason}");
                    direct.all = false;
                }
            }
        }
        direct
    }

    /// The name of the volumes, which says how they are reached.
    pub(crate) fn named(&self, volume: &str) -> String {
        if self.all { format!("{volume}, direct I/O") } else { volume.to_owned() }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        for device in &self.switched {
            if let Err(reason) = set(device, "off") {
                eprintln!("warning: {device} stays with direct I/O: {reason}");
            }
        }
    }
}

fn device(root: &Path) -> Option<String> {
    let found = Command::new("findmnt").args(["-n", "-o", "SOURCE", "--target"]).arg(root).output().ok()?;
    let device = String::from_utf8(found.stdout).ok()?;
    found.status.success().then(|| device.trim().to_owned())
}

fn is_direct(device: &str) -> bool {
    let state = Path::new("/sys/block").join(device.trim_start_matches("/dev/")).join("loop/dio");
    fs::read_to_string(state).is_ok_and(|state| state.trim() == "1")
}

fn set(device: &str, way: &str) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut losetup = Command::new("losetup");
    losetup.env("PATH", format!("{path}:/usr/sbin:/sbin")).arg(format!("--direct-io={way}")).arg(device);
    match losetup.output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
