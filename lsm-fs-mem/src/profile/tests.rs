//! Pins every row of the two tables of the guide.

use std::{ffi::OsStr, sync::Arc};

use super::*;
use crate::micro::{Access, Change, Ino, Journal, Kind, Micro, Payload, Permissions, Seq};

/// Inodes of the scene. `d` and `e` are old directories, and `old`, `x` and `z` are old files.
const D: Ino = 2;
const E: Ino = 3;
const OLD: Ino = 4;
const X: Ino = 5;
const Z: Ino = 6;
const NEW: Ino = 7;
const F: Ino = 8;
const SUB: Ino = 9;
const G: Ino = 10;
const FAR: Ino = 11;

fn link(dir: Ino, name: &str, ino: Ino, kind: Kind, creates: bool) -> Change {
    let access = Access::Ordinary;
    Change::Link { dir, name: Arc::from(OsStr::new(name)), ino, kind, access, creates }
}

fn unlink(dir: Ino, name: &str, ino: Ino) -> Change {
    Change::Unlink { dir, name: Arc::from(OsStr::new(name)), ino }
}

fn data(ino: Ino) -> Change {
    Change::Data { ino, range: 0..3, payload: Payload::Bytes(Arc::from(&b"abc"[..])) }
}

fn mode(ino: Ino, kind: Kind) -> Change {
    Change::Permissions { ino, kind, to: Permissions { mode: 0o640, owner: 0, group: 0 } }
}

/// The changes of the scene, each with a letter that identifies it.
fn scene() -> Vec<(char, Change)> {
    vec![
        ('n', link(D, "new", NEW, Kind::Dir, true)),
        ('f', link(NEW, "f", F, Kind::File, true)),
        ('d', data(F)),
        ('s', Change::Size { ino: F, from: 0, to: 3, written: true }),
        ('l', link(NEW, "l", OLD, Kind::File, false)),
        ('u', unlink(E, "x", X)),
        ('y', link(D, "y", X, Kind::File, false)),
        ('b', link(NEW, "sub", SUB, Kind::Dir, true)),
        ('g', link(SUB, "g", G, Kind::File, true)),
        ('q', mode(SUB, Kind::Dir)),
        ('o', data(OLD)),
        ('t', Change::Size { ino: OLD, from: 9, to: 3, written: false }),
        ('z', unlink(E, "z", Z)),
        ('p', mode(G, Kind::File)),
        ('v', link(FAR, "v", 12, Kind::File, true)),
    ]
}

/// Returns the letters of the changes that a call forces if these inodes are already in the log.
fn forced(profile: Profile, call: SyncCall, logged: &[Ino]) -> String {
    forced_since(0, profile, call, logged)
}

fn forced_since(commit: Seq, profile: Profile, call: SyncCall, logged: &[Ino]) -> String {
    let log = LogState { commit, logged: logged.iter().copied().collect() };
    let mut journal = Journal::default();
    for (seq, (letter, change)) in (1..).zip(scene()) {
        // The rename is one group, and `v` is on another volume.
        let group = if letter == 'y' { seq - 1 } else { seq };
        journal.insert(Micro { seq, group, volume: u32::from(letter == 'v'), change });
    }
    let home = |ino| (ino == OLD).then_some(D);
    let forced = CrashModel::new(profile).rules().forces(&journal, &home, &log, call);
    (1..).zip(scene()).filter(|(seq, _)| forced.contains(seq)).map(|(_, (letter, _))| letter).collect()
}

#[test]
fn each_sync_forces_its_row_of_the_table() {
    let file = |ino| SyncCall::File { ino, volume: 0 };
    let file_data = |ino| SyncCall::FileData { ino, volume: 0 };
    let dir = |ino| SyncCall::Dir { ino, volume: 0 };
    // The call, and the changes that it forces under adversarial, ext4, XFS and btrfs.
    let rows: [(&str, SyncCall, [&str; 4]); 15] = [
        ("fsync of a new file", file(F), ["ds", "nfds", "nfds", "nfds"]),
        ("fsync of an old file", file(OLD), ["ot", "nfluybgqot", "nflot", "nlot"]),
        ("fsync of a renamed file", file(X), ["", "nfluy", "nfluy", "y"]),
        ("fsync of a new file, deeper", file(G), ["p", "nfluybgqzp", "nfluybgqzp", "nbgp"]),
        ("fdatasync of a file with a new mode", file_data(G), ["", "", "", "nbgp"]),
        ("fdatasync of a file that grew", file_data(F), ["ds", "ds", "ds", "nfds"]),
        ("fdatasync of a file that shrank", file_data(OLD), ["o", "o", "o", "nlot"]),
        ("fsync of an old directory", dir(D), ["ny", "nfluy", "nfluy", "nfybg"]),
        ("fsync of a new directory", dir(NEW), ["flb", "nfluyb", "nfluyb", "nflbg"]),
        ("fsync of the other directory", dir(E), ["uyz", "nfluybgqz", "nfluybgqz", "uyz"]),
        ("fsync of a directory with a new mode", dir(SUB), ["gq", "nfluybgq", "nfluybgq", "nbgq"]),
        ("fsync of a clean file", file(99), [""; 4]),
        ("fsync of a clean directory", dir(99), [""; 4]),
        ("syncfs", SyncCall::Volume(0), ["nfdsluybgqotzp"; 4]),
        ("sync", SyncCall::Everything, ["nfdsluybgqotzpv"; 4]),
    ];
    for (what, call, expected) in rows {
        for (profile, expected) in Profile::ALL.into_iter().zip(expected) {
            assert_eq!(forced(profile, call, &[]), expected, "{what}, {profile}");
        }
    }
}

#[test]
fn a_sync_on_btrfs_forces_later_names_of_logged_inodes() {
    let file = |ino| SyncCall::File { ino, volume: 0 };
    let rows: [(&str, SyncCall, &[Ino], &str); 9] = [
        ("a link", file(F), &[OLD], "nfdsl"),
        ("a rename: the new name only", file(F), &[X], "nfdsy"),
        ("a rename out of a directory", file(F), &[E], "nfdsy"),
        ("a removal of an old name is not forced", file(F), &[Z], "nfds"),
        ("the name of a new directory", file(F), &[SUB], "nfdsb"),
        ("another volume", file(F), &[12], "nfds"),
        ("fsync of a clean file forces nothing", file(99), &[OLD, X, E], ""),
        ("fsync of a directory: below", SyncCall::Dir { ino: D, volume: 0 }, &[], "nfybg"),
        ("not below a logged directory", SyncCall::Dir { ino: D, volume: 0 }, &[SUB], "nfyb"),
    ];
    for (what, call, logged, expected) in rows {
        assert_eq!(forced(Profile::Btrfs, call, logged), expected, "{what}");
        let others = Profile::ALL.into_iter().filter(|profile| *profile != Profile::Btrfs);
        others.for_each(|profile| assert_eq!(forced(profile, call, logged), forced(profile, call, &[])));
    }
    // A commit after all changes makes the file a clean one.
    assert_eq!(forced_since(99, Profile::Btrfs, file(F), &[OLD]), "fds");
}

/// A file in a new directory whose name was then given to an old file.
#[test]
fn a_sync_of_a_directory_on_btrfs_does_not_force_a_replaced_name_below_it() {
    let mut journal = Journal::default();
    let changes = [
        link(D, "new", NEW, Kind::Dir, true),
        link(NEW, "f", F, Kind::File, true),
        unlink(E, "x", X),
        link(NEW, "f", X, Kind::File, false),
    ];
    for (seq, change) in (1..).zip(changes) {
        journal.insert(Micro { seq, group: seq.min(3), volume: 0, change });
    }
    let rules = CrashModel::new(Profile::Btrfs).rules();
    let call = SyncCall::Dir { ino: D, volume: 0 };
    let forced = rules.forces(&journal, &|_| None, &LogState::default(), call);
    assert_eq!(forced.into_iter().collect::<Vec<Seq>>(), [1]);
}

/// A chain of new directories. A sync of its top descends, and a sync of its bottom climbs.
#[test]
fn a_sync_on_btrfs_forces_the_names_of_a_tree_deeper_than_the_stack() {
    const DEPTH: Ino = 50_000;
    const TOP: Ino = 100;
    let mut journal = Journal::default();
    for depth in 0..DEPTH {
        let change = link(TOP + depth, "d", TOP + depth + 1, Kind::Dir, true);
        journal.insert(Micro { seq: depth + 1, group: depth + 1, volume: 0, change });
    }
    let rules = CrashModel::new(Profile::Btrfs).rules();
    let forced = move |ino| {
        let call = SyncCall::Dir { ino, volume: 0 };
        rules.forces(&journal, &|_| None, &LogState::default(), call).len() as u64
    };
    let small_stack = std::thread::Builder::new().stack_size(256 << 10);
    let thread = small_stack.spawn(move || [forced(TOP), forced(TOP + DEPTH)]).unwrap();
    assert_eq!(thread.join().unwrap(), [DEPTH; 2]);
}

#[test]
fn each_profile_orders_its_row_of_the_table() {
    let rules = |profile| CrashModel::new(profile).rules();
    let between = RenameHalves::NewBeforeOld;
    let rows = [
        (Profile::Adversarial, NameOrder::Free, [false, false, false], between),
        (Profile::Ext4, NameOrder::AsMade, [true, false, false], RenameHalves::Together),
        (Profile::Xfs, NameOrder::AsMade, [true, true, false], RenameHalves::Together),
        (Profile::Btrfs, NameOrder::Logged, [true, false, true], between),
    ];
    for (profile, order, contents, renames) in rows {
        let rules = rules(profile);
        assert_eq!((rules.order, rules.renames), (order, renames), "{profile}");
        let found = [rules.lengths_in_order, rules.size_needs_last_sector, rules.whole_blocks];
        assert_eq!(found, contents, "{profile}");
        assert!(!rules.torn_sector, "{profile}");
    }
    let worse = CrashModel::new(Profile::Ext4).hostile_rename(true).torn_sector(true).rules();
    assert!(worse.renames == RenameHalves::Apart && worse.torn_sector);
}

#[test]
fn only_a_file_that_changes_directory_may_keep_both_names() {
    let rules = CrashModel::new(Profile::Adversarial).rules();
    let micro = |seq, change| Micro { seq, group: 1, volume: 0, change };
    let coupling =
        |dir, kind| rules.coupling(&micro(1, unlink(E, "x", X)), &micro(2, link(dir, "y", X, kind, false)));
    assert_eq!(coupling(D, Kind::File), Coupling::NewBeforeOld);
    assert_eq!(coupling(E, Kind::File), Coupling::Together);
    assert_eq!(coupling(D, Kind::Dir), Coupling::Together);
}

#[test]
fn a_sync_of_data_forces_the_cut_before_it() {
    let mut journal = Journal::default();
    let changes = [
        Change::Size { ino: F, from: 9, to: 0, written: false },
        data(F),
        Change::Size { ino: F, from: 0, to: 3, written: true },
        Change::Size { ino: F, from: 3, to: 1, written: false },
    ];
    for (seq, change) in (1..).zip(changes) {
        journal.insert(Micro { seq, group: seq, volume: 0, change });
    }
    let forced = |call| {
        let forced = CrashModel::new(Profile::Adversarial).rules();
        let forced = forced.forces(&journal, &|_| None, &LogState::default(), call);
        forced.into_iter().collect::<Vec<Seq>>()
    };
    assert_eq!(forced(SyncCall::FileData { ino: F, volume: 0 }), [1, 2, 3]);
    assert_eq!(forced(SyncCall::File { ino: F, volume: 0 }), [1, 2, 3, 4]);
}

/// The rule for growth is off, because a forced growth would force the cut before it as well. The data alone must force
/// the cut.
#[test]
fn data_beyond_a_cut_takes_the_cut_along() {
    let mut journal = Journal::default();
    let changes = [
        Change::Size { ino: F, from: 9, to: 1, written: false },
        data(F),
        Change::Size { ino: F, from: 1, to: 3, written: true },
    ];
    for (seq, change) in (1..).zip(changes) {
        journal.insert(Micro { seq, group: seq, volume: 0, change });
    }
    let rules = CrashRules { fdatasync_growth: false, ..CrashModel::new(Profile::Adversarial).rules() };
    let call = SyncCall::FileData { ino: F, volume: 0 };
    let forced = rules.forces(&journal, &|_| None, &LogState::default(), call);
    assert_eq!(forced.into_iter().collect::<Vec<Seq>>(), [1, 2]);
}

#[test]
fn a_sync_of_data_below_a_cut_does_not_force_the_cut() {
    let mut journal = Journal::default();
    for (seq, change) in (1..).zip([Change::Size { ino: F, from: 9, to: 3, written: false }, data(F)]) {
        journal.insert(Micro { seq, group: seq, volume: 0, change });
    }
    let rules = CrashModel::new(Profile::Adversarial).rules();
    let call = SyncCall::FileData { ino: F, volume: 0 };
    let forced = rules.forces(&journal, &|_| None, &LogState::default(), call);
    assert_eq!(forced.into_iter().collect::<Vec<Seq>>(), [2]);
}

#[test]
fn model_names_round_trip() {
    for profile in Profile::ALL {
        for model in
            [CrashModel::new(profile), CrashModel::new(profile).hostile_rename(true).torn_sector(true)]
        {
            assert_eq!(model.to_string().parse(), Ok(model));
        }
    }
    assert!("zfs".parse::<CrashModel>().is_err() && "ext4+odd".parse::<CrashModel>().is_err());
}
