//! Paths from an operator. Their last component may be a symbolic link if a call only reads.

use std::{io::ErrorKind, path::Path, sync::Arc};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, Error, Method, Policy, Removal, VerifyOptions, list, remove, restore,
    run_checkpoint, sweep, verify,
};
use lsm_fs::{FsExt, SyncMode};

use super::{on_both, place::Place, world::World};

const NORMAL: SyncMode = SyncMode::Normal;

fn a_link_to_a_checkpoint_may_be_read<P: Place>(world: &World<P>) {
    let (fs, latest) = (&world.fs, world.backups().join("latest"));
    fs.link(Path::new("t"), &latest);
    assert!(verify(fs, &latest, &VerifyOptions::full()).unwrap().is_sound());
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), &latest).unwrap();
    restore(&checkpoint, fs, &world.made()).unwrap();
    world.clear(&world.made());
    Checkpoint::new().policy(Policy::LinkOnly).restore(&checkpoint, fs, &world.made()).unwrap();
    world.clear(&world.made());
    let daily = world.backups().parent().unwrap().join("daily");
    fs.link(Path::new("backups"), &daily);
    let names: Vec<_> = list(fs, &daily).unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["monday", "t"], "an entry that is a link is none");
}

fn a_link_to_a_base_may_be_read<P: Place>(world: &World<P>) {
    let (fs, latest) = (&world.fs, world.backups().join("latest"));
    let independent = Checkpoint::new().policy(Policy::Independent);
    world.clear(&world.target());
    independent.create(&world.db(), fs, &world.target()).unwrap();
    fs.link(Path::new("t"), &latest);
    let info = independent.base(&latest).create(&world.db(), fs, &world.made()).unwrap();
    assert_eq!(info.by_method(Method::BaseLink).files, 6);
}

fn a_link_is_no_target<P: Place>(world: &World<P>) {
    let (fs, latest) = (&world.fs, world.backups().join("latest"));
    fs.link(Path::new("t"), &latest);
    let before = crate::db::all_files(fs, &world.target(), Path::new("")).unwrap();
    assert!(matches!(run_checkpoint(&world.db(), fs, &latest), Err(Error::TargetExists { .. })));
    assert!(matches!(remove(fs, &latest, NORMAL), Err(Error::NotACheckpoint { .. })));
    let forced = Removal::new().force(true).run(fs, &latest);
    assert!(matches!(forced, Err(Error::NotACheckpoint { .. })), "{forced:?}");
    // A sweep follows neither a link with the name of a target nor one with the name of a staged directory.
    let staged = world.backups().join(".latest.checkpoint-staged");
    fs.create_dir(&staged).unwrap();
    fs.link(Path::new("t"), &world.backups().join(".later.checkpoint-staged"));
    let report = sweep(fs, &world.backups(), NORMAL).unwrap();
    assert_eq!(report.leftovers, [staged]);
    assert!(report.cleared.is_empty() && report.failed.is_empty(), "{report:?}");
    assert_eq!(crate::db::all_files(fs, &world.target(), Path::new("")).unwrap(), before);
    assert!(fs.exists(&latest).unwrap());
}

/// A sweep deletes, so its directory must be the one that the operator names.
fn a_link_to_a_directory_is_not_swept<P: Place>(world: &World<P>) {
    let (fs, staged) = (&world.fs, world.staged());
    fs.create_dir(&staged).unwrap();
    let daily = world.backups().parent().unwrap().join("daily");
    fs.link(Path::new("backups"), &daily);
    for path in [daily.clone(), daily.join("."), daily.join("")] {
        let refused = sweep(fs, &path, NORMAL).unwrap_err();
        assert!(matches!(&refused, Error::Fs(e) if e.kind() == ErrorKind::NotADirectory), "{refused:?}");
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        assert!(fs.exists(&staged).unwrap(), "{}", path.display());
    }
    let report = sweep(fs, &daily.join("../backups/."), NORMAL).unwrap();
    assert_eq!(report.leftovers.len(), 1, "{report:?}");
    assert!(!fs.exists(&staged).unwrap());
}

on_both! {
    a_link_to_a_checkpoint_may_be_read
    a_link_to_a_base_may_be_read
    a_link_is_no_target
    a_link_to_a_directory_is_not_swept
}
