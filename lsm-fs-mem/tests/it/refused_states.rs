//! States that no crash leaves.

use std::collections::BTreeSet;

use lsm_fs_mem::{
    CrashModel, FoundTree, MemFs,
    Profile::{self, Adversarial, Btrfs, Ext4, Xfs},
};

use crate::{
    notation::{parse, prepared, recorded, run},
    rows::{Row, rows},
};

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

#[test]
fn a_state_that_breaks_a_row_is_refused() {
    for Row { name, profiles, start, calls, state } in rows() {
        let recording = recorded(start, calls);
        let end = recording.events();
        for profile in Profile::ALL {
            let admitted = recording.admits(profile, end.., &parse(state));
            assert_eq!(admitted.is_err(), profiles.contains(&profile), "{name}, {profile}: {admitted:?}");
        }
    }
}

/// A truncation and a growth. Of all contents of up to four sectors, a crash may leave these.
#[test]
fn a_truncation_and_a_growth_are_kept_in_order() {
    let recording = recorded("creat a; w a 0 1024 o", "trunc a 512; trunc a 1536");
    let content = |len: usize, old: usize| -> String {
        (0..len).map(|sector| if old >> sector & 1 == 1 { "o1" } else { ".1" }).collect()
    };
    let all: BTreeSet<String> =
        (0..=4).flat_map(|len| (0..1 << len).map(move |old| content(len, old))).collect();
    assert_eq!(all.len(), 1 + 2 + 4 + 8 + 16);
    for profile in Profile::ALL {
        let is_admitted = |content: &&String| {
            recording.admits(profile, recording.events().., &parse(&format!("a={content}"))).is_ok()
        };
        let admitted: Vec<&str> = all.iter().filter(is_admitted).map(String::as_str).collect();
        let is_ordered = matches!(profile, Ext4 | Xfs);
        // The growth without the truncation, with the old content. btrfs logs a length without the extents.
        let unordered = if is_ordered { None } else { Some("o1o1.1") };
        let expected: Vec<&str> = ["o1", "o1.1", "o1.1.1", "o1o1"].into_iter().chain(unordered).collect();
        assert_eq!(admitted, expected, "{profile}");
    }
}

/// A sector with half of its new content.
#[test]
pub(crate) fn a_torn_sector_is_refused_unless_the_model_has_torn_sectors() {
    let recording = recorded("creat a; w a 0 512 o", "w a 0 512 A");
    let found = FoundTree::new().file(["/a"], &[[b'A'; 256], [b'o'; 256]].concat());
    for (profile, torn) in Profile::ALL.into_iter().flat_map(|profile| [(profile, false), (profile, true)]) {
        let model = CrashModel::new(profile).torn_sector(torn);
        let is_admitted = recording.admits(model, recording.events().., &found).is_ok();
        assert_eq!(is_admitted, torn && profile != Btrfs, "{model}");
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
