//! States that real ext4, XFS and btrfs left after a power cut, each of which the model must contain.
//!
//! A case has a durable start, the calls, and the state that was found. [`notation`] explains the text.

use std::collections::BTreeSet;

use lsm_fs_mem::{
    Budget, CrashSweep, MemFs, Notes,
    Profile::{self, Adversarial, Btrfs, Ext4, Xfs},
};

use crate::notation::{parse, prepared, recorded, render, run};

struct Case {
    profiles: &'static [Profile],
    start: &'static str,
    calls: &'static str,
    state: &'static str,
}

/// Returns every state that a crash after the last call may leave.
fn states(profile: Profile, start: &MemFs, calls: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let report = CrashSweep::new().start_from(start).models([profile]).budget(Budget::Full).run(
        |fs: &MemFs| -> lsm_fs::Result<()> {
            run(fs, calls);
            fs.note("end");
            Ok(())
        },
        |image: &MemFs, notes: &Notes| -> Result<(), String> {
            if notes.contains("end") {
                found.insert(render(image));
            }
            Ok(())
        },
    );
    let report = report.unwrap();
    assert!(report.is_exhaustive(), "{calls}: {report}");
    found
}

/// Requires every state to be admitted and to be among those that the enumeration yields.
fn contains(cases: &[Case]) {
    let mut missing = Vec::new();
    for Case { profiles, start, calls, state } in cases {
        for profile in *profiles {
            let recording = recorded(start, calls);
            recording.admits(*profile, recording.events().., &parse(state)).unwrap();
            let found = states(*profile, &prepared(start), calls);
            if !found.contains(*state) {
                missing.push(format!(
                    "{profile}: {start} | {calls}\n  left {state}, but the model has {found:#?}"
                ));
            }
        }
    }
    assert!(missing.is_empty(), "{} states are missing\n{}", missing.len(), missing.join("\n"));
}

/// After an fsync of the new directory, the file may have both names.
#[test]
fn a_rename_between_directories_may_leave_both_names() {
    let profiles = &[Adversarial, Btrfs];
    contains(&[
        Case { profiles, start: "mkdir d; creat a", calls: "mv a d/b; dsync d", state: "a= d/ d/b=@a" },
        Case {
            profiles,
            start: "mkdir d; creat a; w a 0 512 o; creat d/a; w d/a 0 512 p",
            calls: "mv a d/a; dsync d",
            state: "a=o1 d/ d/a=@a",
        },
    ]);
}

/// A sync of one directory promises nothing about the old name in another one.
#[test]
pub(crate) fn a_replaced_rename_may_leave_the_old_name() {
    contains(&[
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir e; creat a",
            calls: "mv a e/a; rm e/a; dsync e",
            state: "a= e/",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir e; creat a; w a 0 512 o",
            calls: "creat e/a; ln e/a b; mv a e/a; fsync b",
            state: "a=o1 b= e/",
        },
    ]);
}

#[test]
fn an_overwrite_below_a_cut_survives_without_the_cut() {
    contains(&[
        Case {
            profiles: &[Adversarial, Ext4, Xfs],
            start: "creat a; w a 0 12288 o",
            calls: "trunc a 8192; w a 0 512 B; fdatasync a",
            state: "a=B1o23",
        },
        Case {
            profiles: &[Adversarial, Ext4, Xfs],
            start: "creat a; w a 0 12288 o",
            calls: "trunc a 8192; w a 0 512 B; wb a 0 4096",
            state: "a=B1o23",
        },
    ]);
}

/// ext4 writes a part of a pending length down before it punches a hole.
#[test]
pub(crate) fn a_growing_file_may_end_with_a_hole() {
    let recording = recorded("creat a; w a 0 4096 o", "w a 4096 8192 A; punch a 2048 4096");
    for profile in [Adversarial, Ext4] {
        recording.admits(profile, recording.events().., &parse("a=o4.8")).unwrap();
    }
}

/// A clone writes the dirty pages of its source, but neither commits nor flushes the cache of the disk.
#[test]
fn the_source_of_a_clone_is_not_durable() {
    contains(&[Case {
        profiles: &[Adversarial, Xfs, Btrfs],
        start: "creat a; w a 0 4096 o",
        calls: "w a 0 4096 A; clone a b",
        state: "a=o8",
    }]);
}

/// If a file was renamed or linked, its fsync logs its directories.
#[test]
pub(crate) fn btrfs_logs_the_directories_of_a_file_with_another_name() {
    let profiles = &[Adversarial, Btrfs];
    contains(&[
        Case {
            profiles,
            start: "mkdir d; mkdir e; creat d/a",
            calls: "ln d/a c; mkdir e/s; creat d/b; fsync d/a",
            state: "c= d/ d/a=@c d/b= e/",
        },
        Case {
            profiles,
            start: "mkdir e; creat b",
            calls: "mv b a; creat e/b; creat c; fdatasync a",
            state: "a= c= e/",
        },
        Case {
            profiles,
            start: "mkdir d; mkdir e; creat a; w a 0 512 o; creat d/a",
            calls: "mkdir e/s; mv a c; ln d/a a; fsync c",
            state: "a= c=o1 d/ d/a=@a e/",
        },
    ]);
}

/// A sync of a directory logs the length of a file that got a name there, and not its extents.
#[test]
fn btrfs_keeps_a_length_without_the_cut_before_it() {
    let recording =
        recorded("mkdir e; creat a; w a 0 16896 o", "ln a e/a; otrunc a; w a 5632 8192 C; dsync e");
    for profile in [Adversarial, Btrfs] {
        recording.admits(profile, recording.events().., &parse("a=o27 e/ e/a=@a")).unwrap();
    }
}

/// A truncation zeroes the rest of its block, and the zeros reach the disk before the new length.
#[test]
fn a_lost_cut_leaves_zeros_in_its_block() {
    let profiles = &[Adversarial, Ext4, Xfs];
    contains(&[Case {
        profiles,
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 5120; wb a 0 1048576",
        state: "a=o10.6o8",
    }]);
}

/// An overwrite changes the modification time, and within one tick of the clock not even that. ext4 then has nothing to
/// commit.
#[test]
pub(crate) fn an_overwrite_does_not_commit_the_names() {
    contains(&[Case {
        profiles: &[Adversarial, Ext4, Xfs, Btrfs],
        start: "creat other; w other 0 512 o",
        calls: "mkdir d; w other 0 512 z; fsync other",
        state: "other=z1",
    }]);
}

#[test]
fn any_subset_of_the_changes_of_a_file_survives() {
    let profiles = &[Adversarial, Ext4, Xfs, Btrfs];
    let start = "creat a; w a 0 12288 o";
    let three = "w a 0 512 A; w a 4096 1024 B; w a 8192 512 C; wb a 0 4096; wb a 8192 4096";
    let punched = "w a 0 512 A; punch a 4096 4096; w a 8192 512 B; wb a 0 4096; wb a 8192 4096";
    contains(&[
        Case { profiles, start, calls: three, state: "a=A1o15C1o7" },
        Case { profiles, start, calls: three, state: "a=o8B2o14" },
        Case { profiles, start, calls: punched, state: "a=A1o15B1o7" },
        Case { profiles: &[Adversarial, Ext4, Xfs], start, calls: punched, state: "a=o8.8o8" },
    ]);
}

/// A filesystem commits by itself. A later fsync of an inode that was committed forces less.
#[test]
pub(crate) fn a_background_commit_may_happen_between_any_two_calls() {
    contains(&[
        Case {
            profiles: &[Adversarial, Ext4],
            start: "mkdir z; creat a; w a 0 512 o; creat b",
            calls: "w a 0 512 A; dsync z; rm b; fsync a",
            state: "a=A1 b= z/",
        },
        Case {
            profiles: &[Adversarial, Ext4],
            start: "creat a; creat b; w b 0 512 p; creat c",
            calls: "mv b a; rm c; fsync a",
            state: "a=p1 c=",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d",
            calls: "creat d/f; fsync d/f; commit; mv d/f d/g; creat n; fsync n",
            state: "d/ d/f= n=",
        },
        // The same for a removal, for a link, and for a rename out of a directory that was logged.
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d",
            calls: "creat d/f; fsync d/f; commit; rm d/f; creat n; fsync n",
            state: "d/ d/f= n=",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d",
            calls: "creat d/f; fsync d/f; commit; ln d/f l; creat n; fsync n",
            state: "d/ d/f= n=",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d; creat d/b",
            calls: "creat d/f; dsync d; commit; mv d/b b; creat n; fsync n",
            state: "d/ d/b= d/f= n=",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d",
            calls: "mkdir d/s; commit; creat d/s/g; dsync d",
            state: "d/ d/s/",
        },
        Case {
            profiles: &[Adversarial, Btrfs],
            start: "mkdir d",
            calls: "mkdir d/s; commit; mkdir d/s/t; creat d/s/t/f; dsync d",
            state: "d/ d/s/",
        },
    ]);
}

#[test]
fn btrfs_keeps_no_order_among_the_writes_of_a_file() {
    let profiles = &[Adversarial, Btrfs];
    let start = "creat a; w a 0 12288 o";
    contains(&[
        Case { profiles, start, calls: "w a 8192 512 A; w a 0 512 B; wb a 0 4096; commit", state: "a=B1o23" },
        Case {
            profiles,
            start: "mkdir y; mkdir z; mkdir z/q; creat a; w a 0 12288 o",
            calls: "w a 12288 4096 A; w a 0 512 B; wb a 0 4096; mv z/q y/q; dsync y",
            state: "a=B1o23.8 y/ y/q/ z/",
        },
    ]);
}

#[test]
pub(crate) fn btrfs_logs_the_other_new_names_of_an_inode() {
    let profiles = &[Adversarial, Btrfs];
    contains(&[
        Case {
            profiles,
            start: "mkdir d; mkdir e; creat old",
            calls: "creat e/f; ln old e/l; ln old d/m; dsync d",
            state: "d/ d/m= e/ e/l=@d/m old=@d/m",
        },
        Case {
            profiles,
            start: "mkdir d; creat old",
            calls: "mkdir d/s; creat d/s/f; ln old d/s/l; fsync d/s/l",
            state: "d/ d/s/ d/s/l= old=@d/s/l",
        },
    ]);
}
