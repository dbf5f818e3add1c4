//! A table of modes on the host, under two umasks, as root and as another user. A umask is the process's, so each case
//! runs in a child: this test binary, run again.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy};
use lsm_fs::{Fs, Permissions, StdFs};

use crate::db::{Db, all_files};

const DIR: &str = "LSM_CHECKPOINT_MODES_DIR";
/// The user and the group that are not root.
pub(super) const USER: u32 = 65_533;
/// The owner and the group of another user's database.
const OTHER: u32 = 65_531;

/// The modes of a database that only its owner may use, and of a database that others may read.
const CLOSED: [(&str, u32); 7] = [
    ("", 0o750),
    ("tables", 0o710),
    ("tables/1", 0o640),
    ("tables/2", 0o400),
    ("blobs", 0o700),
    ("blobs/1", 0o600),
    ("log", 0o604),
];
const OPEN: [(&str, u32); 7] = [
    ("", 0o755),
    ("tables", 0o775),
    ("tables/1", 0o644),
    ("tables/2", 0o444),
    ("blobs", 0o755),
    ("blobs/1", 0o664),
    ("log", 0o604),
];

#[derive(Clone, Copy, Debug)]
struct Case {
    umask: &'static str,
    /// The user that makes the copies.
    user: u32,
    owner: u32,
    modes: [(&'static str, u32); 7],
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_table_of_modes() {
    table_on(&std::env::temp_dir());
}

/// Checks the whole table in a directory of a filesystem.
pub(crate) fn table_on(place: &Path) {
    let me = rustix::process::geteuid().as_raw();
    for umask in ["022", "077"] {
        let mut cases = vec![Case { umask, user: me, owner: me, modes: CLOSED }];
        if is_root() {
            cases.push(Case { umask, user: 0, owner: OTHER, modes: CLOSED });
            cases.push(Case { umask, user: USER, owner: USER, modes: CLOSED });
            cases.push(Case { umask, user: USER, owner: OTHER, modes: OPEN });
        }
        for case in cases {
            run(case, place);
        }
    }
}

/// Prepares a database, and has a child make copies of it.
fn run(case: Case, place: &Path) {
    let (scratch, program) = (tempfile::tempdir_in(place).unwrap(), tempfile::tempdir().unwrap());
    let dir = scratch.path();
    Db::prepare(&StdFs, &dir.join("db"), &[""]);
    for (path, mode) in case.modes {
        let path = dir.join("db").join(path);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if is_root() {
            chown(&path, Some(case.owner), Some(case.owner)).unwrap();
        }
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"$1\" && shift && exec \"$@\"", "sh", case.umask]);
    let (_, module) = module_path!().split_once("::").unwrap();
    let child = format!("{module}::copy_if_asked");
    command.arg(executable(program.path())).args(["--exact", &child, "--nocapture"]);
    command.env(DIR, dir).current_dir("/");
    if is_root() {
        chown(dir, Some(case.user), Some(case.user)).unwrap();
        command.uid(case.user).gid(case.user);
    }
    let child = command.output().unwrap();
    let said = [child.stdout, child.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(child.status.success(), "{case:?}: {said:?}");
    println!("umask {}, user {}, database of {}:", case.umask, case.user, case.owner);
    let is_refused = ![0, case.owner].contains(&case.user);
    for target in TARGETS.map(|(name, _)| name).into_iter().filter(|name| !(is_refused && *name == LINK_ONLY))
    {
        check(&case, dir, target);
    }
}

/// Puts a copy of the test binary that every user can execute into a directory. Returns its path.
pub(super) fn executable(dir: &Path) -> PathBuf {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.join("child");
    let own = std::env::current_exe().unwrap();
    if fs::hard_link(&own, &path).is_err() {
        fs::copy(&own, &path).unwrap();
    }
    path
}

/// The names of the copies, with their policies. A copy with a name that begins with `restored` is restored from the
/// last checkpoint.
const TARGETS: [(&str, Policy); 8] = [
    (LINK_ONLY, Policy::LinkOnly),
    ("prefer-link", Policy::PreferLink),
    ("prefer-reflink", Policy::PreferReflink),
    ("independent", Policy::Independent),
    ("restored-link-only", Policy::LinkOnly),
    ("restored-linked", Policy::PreferLink),
    ("restored-reflinked", Policy::PreferReflink),
    ("restored", Policy::Independent),
];

/// This copy is not made of another user's files, because a kernel may forbid links to them (`fs.protected_hardlinks`).
const LINK_ONLY: &str = "link-only";

/// Runs in the child. Without a directory there is nothing to copy.
#[test]
fn copy_if_asked() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let db = Db::open(Arc::new(StdFs), &dir.join("db"), &[""]);
    let me = rustix::process::geteuid().as_raw();
    let owner = StdFs.metadata(&dir.join("db")).unwrap().permissions.unwrap().owner;
    let is_refused = me != 0 && owner != me;
    for (name, policy) in TARGETS {
        if name == LINK_ONLY && is_refused {
            continue;
        }
        let (options, target) = (Checkpoint::new().policy(policy), dir.join(name));
        let info = if name.starts_with("restored") {
            let from = CheckpointDir::open(Arc::new(StdFs), dir.join("independent")).unwrap();
            options.restore(&from, &StdFs, &target).unwrap()
        } else {
            options.create(&db, &StdFs, &target).unwrap()
        };
        assert_eq!(info.owners_not_kept > 0, is_refused, "{name}: {info:?}");
        assert_eq!(info.modes_not_kept > 0, is_refused, "{name}: {info:?}");
    }
}

fn check(case: &Case, dir: &Path, target: &str) {
    let mut expected: BTreeMap<PathBuf, u32> =
        case.modes.iter().map(|(path, mode)| (PathBuf::from(path), *mode)).collect();
    let (root, log) = (expected[Path::new("")], expected.remove(Path::new("log")).unwrap());
    expected.extend([(PathBuf::from("logs"), root), (PathBuf::from("logs/log"), log)]);
    let owner = if case.user == 0 { case.owner } else { case.user };
    let target = dir.join(target);
    let files = all_files(&StdFs, &target, Path::new("")).unwrap();
    for path in files.iter().flat_map(|file| file.ancestors()).collect::<std::collections::BTreeSet<_>>() {
        let found = StdFs.symlink_metadata(&target.join(path)).unwrap();
        let Permissions { mode, owner: found_owner, .. } = found.permissions.unwrap();
        // Written files take the mode of the database.
        let wanted = expected.get(path).copied().unwrap_or(root & 0o666);
        // In these cases, a user who may not set the owner may not set the group either. The group then gets no rights.
        let is_refused = case.user != 0 && found_owner != case.owner;
        let wanted = if is_refused { wanted & !0o070 } else { wanted };
        println!("  {}/{}: {mode:04o} {found_owner}", target.file_name().unwrap().display(), path.display());
        assert_eq!(mode, wanted, "{case:?}: {}", target.join(path).display());
        let is_linked = found.link_count.unwrap() > 1 && found.is_file();
        let is_kept = found_owner == owner || is_linked && found_owner == case.owner;
        assert!(is_kept, "{case:?}: {} is of {found_owner}", path.display());
    }
}
