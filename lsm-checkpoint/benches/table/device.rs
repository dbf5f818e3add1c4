//! Direct I/O for the loop devices of the mounts, for rows that measure a device.
//!
//! A loop device uses the page cache of the filesystem that holds its image. Cold reads are copied once more, and
//! journal commits of that filesystem make the syncs of one image wait for the data of another. With direct I/O, each
//! request of a mount is one request of the disk.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Loop devices that bypass the page cache until this is dropped.
pub(crate) struct Direct {
    /// The devices that were switched to direct I/O.
    switched: Vec<String>,
    /// `true` if there are loop devices and all of them bypass the page cache.
    all: bool,
}

impl Direct {
    /// Switches the loop devices of these mounts to direct I/O. A mount on another device needs no change.
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

    /// Returns the name of the volumes, with a note if they use direct I/O.
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
