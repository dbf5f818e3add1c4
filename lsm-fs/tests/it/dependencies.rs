//! The dependencies that an engine gets.

use std::{collections::BTreeSet, process::Command};

#[test]
fn the_only_dependencies_are_rustix_and_its_own() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "lsm-fs", "-e", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names: BTreeSet<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    let allowed = ["bitflags", "errno", "libc", "linux-raw-sys", "lsm-fs", "rustix"];
    assert!(names.iter().all(|name| allowed.contains(&name.as_str())), "{names:?}");
}
