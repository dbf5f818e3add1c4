//! Pipes, sockets and devices in place of files cause an error, and no call waits for them.

use lsm_checkpoint::{VerifyOptions, sweep, verify};
use lsm_fs::SyncMode;
use lsm_fs_mem::SpecialFile;
use lsm_manifest::{ManifestArchiveReader, ReadOptions, inspect, open_current, recover, repair};

use super::{
    place::Place,
    watched::watched,
    world::{MARKER, World},
};

/// Makes every call that opens one of these names.
fn nothing_waits<P: Place>(world: &World<P>, step: &dyn Fn(String)) {
    let (fs, target, options) = (&world.fs, world.target(), ReadOptions::new());
    for name in ["current", "v7", "CHECKPOINT", MARKER] {
        for kind in [SpecialFile::Pipe, SpecialFile::Socket, SpecialFile::Device] {
            let path = target.join(name);
            world.rebuild(true);
            world.clear(&path);
            if !fs.special(kind, &path) {
                println!("not possible here: {kind:?}");
                continue;
            }
            fs.create_dir(&world.staged()).unwrap();
            let step = |call: &str| step(format!("{call}, {name} is a {kind:?}"));
            step("verify");
            for verification in [VerifyOptions::quick(), VerifyOptions::full()] {
                let verified = verify(fs, &target, &verification);
                assert!(!verified.is_ok_and(|report| report.is_sound()), "{name} {kind:?}");
            }
            if name == "current" || name == "v7" {
                step("recover");
                assert!(recover(fs, &target, &options).is_err(), "{name} {kind:?}");
                step("open_current");
                assert!(open_current(fs, &target, &options).is_err(), "{name} {kind:?}");
            }
            step("open");
            assert!(ManifestArchiveReader::open(fs, &path, &options).is_err(), "{name} {kind:?}");
            step("inspect");
            assert!(inspect(fs, &path, &options).is_err(), "{name} {kind:?}");
            step("repair");
            assert!(repair(fs, &path, &options).is_err(), "{name} {kind:?}");
            step("sweep");
            let report = sweep(fs, &world.backups(), SyncMode::Normal).unwrap();
            let is_marker = name == MARKER;
            assert_eq!(
                (report.failed.len(), report.leftovers.len()),
                (is_marker.into(), (!is_marker).into())
            );
        }
    }
}

#[test]
fn no_call_waits_on_the_host() {
    watched(|step| {
        let (_dir, world) = World::on_the_host();
        nothing_waits(&world, step);
    });
}

#[test]
fn no_call_waits_in_memory() {
    watched(|step| nothing_waits(&World::in_memory(), step));
}
