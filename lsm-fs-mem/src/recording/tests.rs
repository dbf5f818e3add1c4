//! Mutates the model: if one rule of a profile is changed, the result of some scene changes, too.

mod scenes;

use std::path::Path;

use lsm_fs::Fs;
use scenes::{SCENES, Scene, write};

use super::*;
use crate::{
    Budget,
    crash::Choices,
    profile::{CrashModel, CrashRules, ForcedNames, NameOrder, Profile, RenameHalves},
};

fn record(scene: &Scene) -> Recording {
    let fs = MemFs::new();
    for dir in ["/d", "/e"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    write(&fs, "/d/old", b"rows");
    fs.settle();
    fs.record();
    (scene.act)(&fs);
    fs.take_recording().unwrap()
}

/// Returns whether some legal state is bad.
fn leaves_bad_state(scene: &Scene, recording: &Recording, rules: CrashRules) -> bool {
    let mut explorer = Explorer::with_rules(recording, CrashModel::default(), rules, None);
    loop {
        if explorer.is_crash_point() {
            let axes = explorer.axes(true);
            let over = explorer.point == recording.events();
            for choice in Choices::new(&axes, Budget::Full, 0) {
                let image = recording.boot(&axes.replay(&explorer.disk, &choice));
                if (scene.bad)(&image, over) {
                    return true;
                }
            }
        }
        if !explorer.step() {
            return false;
        }
    }
}

/// Returns all sets of rules that differ from these in one rule, each with a description of the change.
fn mutations(rules: CrashRules) -> Vec<(String, CrashRules)> {
    // A new rule does not compile until it is changed here, too.
    let CrashRules {
        fsync_content,
        fsync_names: _,
        lengths_count,
        fdatasync_data,
        fdatasync_growth,
        fdatasync_is_fsync,
        directory_names: _,
        logged_names,
        syncfs,
        order: _,
        lengths_in_order,
        size_needs_last_sector,
        whole_blocks,
        renames: _,
        torn_sector,
    } = rules;
    let mut mutations = Vec::new();
    macro_rules! flip {
        ($($field:ident)+) => { $(
            mutations.push((format!("{} = {}", stringify!($field), !$field),
                CrashRules { $field: !$field, ..rules }));
        )+ };
    }
    flip!(fsync_content lengths_count fdatasync_data fdatasync_growth fdatasync_is_fsync);
    flip!(syncfs logged_names lengths_in_order size_needs_last_sector whole_blocks torn_sector);
    for renames in [RenameHalves::Together, RenameHalves::NewBeforeOld, RenameHalves::Apart] {
        mutations.push((format!("renames = {renames:?}"), CrashRules { renames, ..rules }));
    }
    for names in [ForcedNames::Own, ForcedNames::UpToLast, ForcedNames::Around] {
        mutations.push((format!("fsync_names = {names:?}"), CrashRules { fsync_names: names, ..rules }));
        mutations
            .push((format!("directory_names = {names:?}"), CrashRules { directory_names: names, ..rules }));
    }
    for order in [NameOrder::Free, NameOrder::AsMade, NameOrder::Logged] {
        mutations.push((format!("order = {order:?}"), CrashRules { order, ..rules }));
    }
    mutations.retain(|(_, mutation)| *mutation != rules);
    mutations
}

/// The changes without an effect on any scene, as `profile: rule = value`.
const MOOT: [&str; 10] = [
    // Only a profile whose fsync forces names up to the last change asks for that change.
    "adversarial: lengths_count = true",
    "btrfs: lengths_count = true",
    // Without a log, there is no logged inode.
    "adversarial: logged_names = true",
    "ext4: logged_names = true",
    "xfs: logged_names = true",
    // On btrfs, an fdatasync is an fsync, and a block persists whole.
    "btrfs: fdatasync_data = false",
    "btrfs: fdatasync_growth = false",
    "btrfs: torn_sector = true",
    // A journal never splits a rename.
    "ext4: renames = NewBeforeOld",
    "xfs: renames = NewBeforeOld",
];

#[test]
fn changing_any_rule_changes_a_result() {
    let recordings: Vec<_> = SCENES.iter().map(record).collect();
    let results = |rules: CrashRules| -> Vec<bool> {
        SCENES
            .iter()
            .zip(&recordings)
            .map(|(scene, recording)| leaves_bad_state(scene, recording, rules))
            .collect()
    };
    let mut unnoticed = Vec::new();
    for profile in Profile::ALL {
        let rules = CrashModel::new(profile).rules();
        let right = results(rules);
        let all = mutations(rules);
        assert_eq!(all.len(), 11 + 2 + 2 + 2 + 2);
        for (what, mutation) in all {
            let what = format!("{profile}: {what}");
            if (results(mutation) == right) != MOOT.contains(&&*what) {
                unnoticed.push(what);
            }
        }
    }
    assert!(unnoticed.is_empty(), "no scene notices: {unnoticed:#?}");
}

#[test]
fn the_results_of_the_correct_rules_are_pinned() {
    // The profiles under which a bad state exists, scene by scene.
    let expected = [
        "", "A", "AB", "AEXB", "", "AB", "AEXB", "AEXB", "AEXB", "", "", "AEX", "AEX", "AEXB", "AEXB", "",
        "A", "AEXB", "AEB", "AEX", "", "AB", "A", "A", "AB", "AXB", "AEXB", "AEXB", "A", "",
    ];
    assert_eq!(SCENES.len(), expected.len());
    let mut wrong = Vec::new();
    for (scene, expected) in SCENES.iter().zip(expected) {
        let recording = record(scene);
        let bad = |profile: &Profile| leaves_bad_state(scene, &recording, CrashModel::new(*profile).rules());
        let letters =
            [(Profile::Adversarial, 'A'), (Profile::Ext4, 'E'), (Profile::Xfs, 'X'), (Profile::Btrfs, 'B')];
        let found: String =
            letters.iter().filter(|(profile, _)| bad(profile)).map(|(_, letter)| letter).collect();
        wrong.extend((found != expected).then(|| format!("{}: {found}, not {expected}", scene.name)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
