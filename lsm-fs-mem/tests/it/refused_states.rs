//! States that no crash leaves: one for each row of the tables of forced and of ordered changes.

use lsm_fs_mem::{
    MemFs,
    Profile::{self, Adversarial, Btrfs, Ext4, Xfs},
};

use crate::notation::{parse, prepared, recorded, run};

struct Row {
    name: &'static str,
    profiles: &'static [Profile],
    start: &'static str,
    calls: &'static str,
    state: &'static str,
}

const ALL: &[Profile] = &Profile::ALL;

/// Early moments refuse the name, and the last one refuses the content.
#[test]
fn a_refusal_explains_the_last_moment() {
    let recording = recorded("", "creat a; w a 0 512 A; fsync a; dsync .");
    let found = parse("a=B1");
    let reason = |moments: std::ops::RangeInclusive<usize>| {
        recording.admits(Adversarial, moments, &found).unwrap_err().reason
    };
    assert_eq!(reason(0..=0), "/a is a file");
    let last = reason(0..=recording.events());
    assert!(last.contains("byte 0 is neither durable nor pending"), "{last}");
    assert_eq!(last, reason(recording.events()..=recording.events()));
}

/// The changes that a sync forces.
const FORCED: [Row; 17] = [
    Row {
        name: "fsync of a file: its bytes",
        profiles: ALL,
        start: "creat a; w a 0 1024 o",
        calls: "w a 512 512 A; fsync a",
        state: "a=o2",
    },
    Row {
        name: "fsync of a file: its length",
        profiles: ALL,
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; fsync a",
        state: "a=o2",
    },
    Row {
        name: "fsync of a file: names up to its last write",
        profiles: &[Ext4],
        start: "creat a; creat b",
        calls: "rm b; w a 0 512 A; fsync a",
        state: "a=A1 b=",
    },
    Row {
        name: "fsync of a file: names up to its last name",
        profiles: &[Ext4, Xfs],
        start: "creat b",
        calls: "rm b; creat a; fsync a",
        state: "a= b=",
    },
    Row {
        name: "fsync of a file: its names and its new directories",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "",
        calls: "mkdir d; creat d/a; fsync d/a",
        state: "d/",
    },
    Row {
        name: "fdatasync of a file: its bytes",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 0 512 A; fdatasync a",
        state: "a=o1",
    },
    Row {
        name: "fdatasync of a file: its length, if it grew",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 512 512 A; fdatasync a",
        state: "a=o1",
    },
    Row {
        name: "fdatasync of a file: as fsync",
        profiles: &[Btrfs],
        start: "creat a; w a 0 1024 o",
        calls: "trunc a 512; fdatasync a",
        state: "a=o2",
    },
    Row {
        name: "fdatasync of a file: its bytes, where a truncation has left zeros",
        profiles: ALL,
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512; w a 1024 512 A; fdatasync a",
        state: "a=o1.2",
    },
    Row {
        name: "fdatasync of a file: neither a truncation nor its zeros",
        profiles: &[Btrfs],
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512; fdatasync a",
        state: "a=o24",
    },
    Row {
        name: "sync of a directory: its names",
        profiles: ALL,
        start: "mkdir d; creat d/b",
        calls: "creat d/a; rm d/b; dsync d",
        state: "d/ d/a= d/b=",
    },
    Row {
        name: "sync of a directory: both halves of a rename out of it",
        profiles: ALL,
        start: "mkdir d; creat a",
        calls: "mv a d/a; dsync .",
        state: "d/",
    },
    Row {
        name: "sync of a directory: all names up to its last change",
        profiles: &[Ext4, Xfs],
        start: "mkdir d; creat b",
        calls: "rm b; creat d/a; dsync d",
        state: "b= d/ d/a=",
    },
    Row {
        name: "sync of a directory: new files in new directories below it, without a commit since then",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e",
        calls: "creat e/b; mkdir d/s; creat d/s/f; dsync d",
        state: "d/ d/s/ e/",
    },
    // The name `z/p` is lost, so no commit has emptied the log of btrfs since the first call.
    Row {
        name: "sync of another file: a new link of a logged file",
        profiles: &[Ext4, Btrfs],
        start: "mkdir d; mkdir z; creat old; creat x",
        calls: "creat z/p; w old 0 512 A; fsync old; ln old d/m; w x 0 512 B; fsync x",
        state: "d/ old=A1 x=B1 z/",
    },
    Row {
        name: "sync of another file: a rename out of a logged directory",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e; mkdir z; creat d/b; creat x",
        calls: "creat z/p; creat d/n; dsync d; mv d/b e/b; w x 0 512 B; fsync x",
        state: "d/ d/b= d/n= e/ x=B1 z/",
    },
    Row {
        name: "sync of another file: the removal of a name that only the log holds",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir z; creat x",
        calls: "creat z/p; creat a; fsync a; rm a; w x 0 512 B; fsync x",
        state: "a= x=B1 z/",
    },
];

/// The order of the changes that no sync has forced.
const ORDERED: [Row; 12] = [
    Row {
        name: "a rename within a directory has one name",
        profiles: ALL,
        start: "creat a",
        calls: "mv a b",
        state: "a= b=@a",
    },
    Row {
        name: "a rename has a name",
        profiles: ALL,
        start: "mkdir d; creat a",
        calls: "mv a d/a",
        state: "d/",
    },
    Row {
        name: "a rename between directories has one name",
        profiles: &[Ext4, Xfs],
        start: "mkdir d; creat a",
        calls: "mv a d/a; dsync d",
        state: "a= d/ d/a=@a",
    },
    Row {
        name: "a directory has one name",
        profiles: ALL,
        start: "mkdir d; mkdir e",
        calls: "mv e d/e; dsync d",
        state: "d/ d/e/ e/",
    },
    Row {
        name: "names in the order of the calls",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "",
        calls: "creat a; creat b",
        state: "b=",
    },
    Row {
        name: "names of an inode that no sync logged",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "mkdir d; mkdir e; creat old",
        calls: "creat e/f; creat e/g; ln old d/m; dsync d",
        state: "d/ d/m= e/ e/g= old=@d/m",
    },
    Row {
        name: "data beyond a truncation needs the truncation",
        profiles: &[Ext4, Xfs, Btrfs],
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 4096; w a 4096 512 A",
        state: "a=o8A1o15",
    },
    Row {
        name: "the zeros of a truncation: only in its block",
        profiles: ALL,
        start: "creat a; w a 0 12288 o",
        calls: "trunc a 512",
        state: "a=o1.8o15",
    },
    Row {
        name: "a length needs the last sector of its write",
        profiles: &[Xfs],
        start: "creat a",
        calls: "w a 0 8192 A",
        state: "a=A8.8",
    },
    Row {
        name: "a block is whole",
        profiles: &[Btrfs],
        start: "creat a; w a 0 4096 o",
        calls: "w a 0 1024 A",
        state: "a=A1o7",
    },
    Row {
        name: "a block has its writes in order",
        profiles: &[Btrfs],
        start: "creat a; w a 0 4096 o",
        calls: "w a 0 512 A; w a 512 512 B",
        state: "a=o1B1o6",
    },
    Row {
        name: "a sector has one of its contents",
        profiles: ALL,
        start: "creat a; w a 0 512 o",
        calls: "w a 0 512 A; w a 0 512 B",
        state: "a=.1",
    },
];

#[test]
fn a_state_that_breaks_a_row_is_refused() {
    for Row { name, profiles, start, calls, state } in FORCED.iter().chain(&ORDERED) {
        let recording = recorded(start, calls);
        let end = recording.events();
        for profile in Profile::ALL {
            let admitted = recording.admits(profile, end.., &parse(state));
            assert_eq!(admitted.is_err(), profiles.contains(&profile), "{name}, {profile}: {admitted:?}");
        }
    }
}

/// Everything is forced by a sync of the machine, so only the live tree is left.
#[test]
fn a_sync_of_everything_leaves_one_state() {
    let fs = prepared("creat a; w a 0 512 A; mkdir d; mv a d/a");
    fs.admits(&parse("d/ d/a=A1")).unwrap();
    for state in ["d/ d/a=", "d/", "a=A1 d/", "a=A1 d/ d/a=@a", "d/ d/a=A1 d/b=@d/a", "d/ d/a=A1 d/b="] {
        fs.admits(&parse(state)).unwrap_err();
    }
}

#[test]
fn a_refusal_names_the_smallest_part() {
    let reason = |profile, start: &str, calls: &str, state: &str| {
        let recording = recorded(start, calls);
        recording.admits(profile, recording.events().., &parse(state)).unwrap_err().reason
    };
    let text = reason(Ext4, "creat x; creat y", "creat a; creat b; rm y", "b= x= y=");
    assert_eq!(
        text,
        "/a is missing; /b is a file; no crash leaves all of this, since names persist in the order of the calls"
    );
    let text = reason(Adversarial, "creat a; w a 0 1024 o", "w a 0 512 A; fsync a; w a 512 512 B", "a=o2");
    assert_eq!(text, "/a has 1024 bytes, and byte 0 is neither durable nor pending there");
    let text = reason(Adversarial, "creat a; w a 0 1024 o", "w a 0 512 A", "a=o3");
    assert_eq!(text, "/a has 1536 bytes, which is not a possible length");
    let text = reason(Adversarial, "creat a", "rm a; dsync .", "a=");
    assert_eq!(text, "/a is a file");
    let text = reason(Adversarial, "creat a; creat b", "", "a= b=@a");
    assert_eq!(text, "/a is a file; /b is the same file as /a; no crash leaves all of this");
}

#[test]
fn an_earlier_moment_can_admit_a_tree_that_a_later_one_refuses() {
    let fs = MemFs::new();
    fs.record();
    run(&fs, "creat a");
    fs.note("made");
    run(&fs, "dsync .");
    let recording = fs.take_recording().unwrap();
    let notes: Vec<_> = recording.notes().collect();
    assert_eq!(notes, [(2, "made")]);
    assert_eq!(recording.admits(Adversarial, .., &parse("")), Ok(0));
    assert_eq!(recording.admits(Adversarial, notes[0].0.., &parse("")), Ok(2));
    recording.admits(Adversarial, 3.., &parse("")).unwrap_err();
    let refusal = recording.admits(Adversarial, 4.., &parse("a=")).unwrap_err();
    assert_eq!(refusal.to_string(), "no crash leaves this tree under adversarial: there is no such moment");
}

#[test]
fn identity_distinguishes_one_file_from_two() {
    let fs = MemFs::new();
    run(&fs, "creat a; creat b; creat c; ln c d");
    fs.settle();
    fs.admits(&parse("a= b= c= d=@c")).unwrap();
    for state in ["a= b= c= d=", "a= b= c=@b d=@b", "a= b=@a c= d=@c"] {
        fs.admits(&parse(state)).unwrap_err();
    }
}
