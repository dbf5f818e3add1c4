//! A umask that takes rights from the owner of new directories. The calls fail, and nothing obstructs the next one.
//!
//! A umask is the process's, and root ignores modes, so each case runs in a child of another user.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, Policy, restore, run_checkpoint, sweep};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};

use super::host::{USER, executable, is_root};
use crate::db::{Db, all_files};

const DIR: &str = "LSM_CHECKPOINT_UMASK_DIR";

#[test]
fn a_umask_that_closes_new_directories_leaves_nothing_behind() {
    for umask in ["0777", "0700", "0177", "0277", "0377", "0477"] {
        let (scratch, program) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dir = scratch.path();
        fs::create_dir(dir.join("work")).unwrap();
        Db::prepare(&StdFs, &dir.join("db"), &[""]);
        let db = Db::open(Arc::new(StdFs), &dir.join("db"), &[""]);
        run_checkpoint(&db, &StdFs, &dir.join("sound")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\" && shift && exec \"$@\"", "sh", umask]);
        command.arg(executable(program.path())).args([
            "--exact",
            "modes::umask::copy_if_asked",
            "--nocapture",
        ]);
        command.env(DIR, dir).current_dir("/");
        if is_root() {
            hand_over(dir);
            command.uid(USER).gid(USER);
        }
        let child = command.output().unwrap();
        let said = [child.stdout, child.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(child.status.success(), "{umask}: {said:?}");
        print!("umask {umask}: {}", said[0]);
    }
}

/// Gives everything to the user of the child.
fn hand_over(dir: &Path) {
    let status = Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(dir).status();
    assert!(status.unwrap().success());
}

type Call<'a> = &'a dyn Fn() -> Result<(), Error>;

/// Runs in the child. Without a directory there is nothing to do.
#[test]
fn copy_if_asked() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let db = Db::open(Arc::new(StdFs), &dir.join("db"), &[""]);
    let (work, data) = (dir.join("work"), dir.join("work/data"));
    make_dir(&data);
    let sound = CheckpointDir::open(Arc::new(StdFs), dir.join("sound")).unwrap();
    let independent = Checkpoint::new().policy(Policy::Independent);
    let calls: [(&str, Call<'_>); 3] = [
        ("create", &|| run_checkpoint(&db, &StdFs, &work.join("daily")).map(drop)),
        ("restore", &|| restore(&sound, &StdFs, &work.join("restored")).map(drop)),
        ("restore_into", &|| independent.restore_into(&sound, &StdFs, &data).map(drop)),
    ];
    for (name, call) in calls {
        for _ in 0..2 {
            let refused = call().unwrap_err();
            println!("{name}: {refused}");
            assert!(matches!(&refused, Error::Fs(e) if e.raw_os_error() == Some(13)), "{name}: {refused}");
            assert_eq!(StdFs.read_dir(&work).unwrap().len(), 1, "{name}: something was left");
            assert!(StdFs.read_dir(&data).unwrap().is_empty(), "{name}: something was left");
        }
    }
    let swept = sweep(&StdFs, &work, SyncMode::Normal).unwrap();
    assert!(swept.failed.is_empty(), "{swept:?}");
    assert!(!all_files(&StdFs, &dir.join("sound"), Path::new("")).unwrap().is_empty());
    assert!(StdFs.exists(&dir.join("db/log")).unwrap());
}

/// Makes a directory that its owner can use in spite of the umask.
fn make_dir(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}
