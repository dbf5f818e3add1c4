//! Each row of the tables of the guide refuses a state under each profile. Each rule of the tables of `MODEL.md` has a
//! state that it refuses, a state that it allows, or a test of its own.

use std::collections::BTreeMap;

use lsm_fs_mem::Profile::{self, Btrfs, Ext4, Xfs};

use crate::{
    permissions, real_states, refused_states,
    rows::{Row, TABLES, rows},
};

/// A table of a document.
struct Table<'t> {
    /// The heading above the table.
    heading: &'t str,
    /// The first cell of the header.
    header: &'t str,
    /// The first cell of each row.
    rows: Vec<&'t str>,
}

/// Returns the tables of a document.
fn tables(text: &str) -> Vec<Table<'_>> {
    let (mut heading, mut is_inside) = ("", false);
    let mut tables: Vec<Table<'_>> = Vec::new();
    for line in text.lines() {
        heading = line.strip_prefix("# ").unwrap_or(heading);
        let first_cell = line.strip_prefix("| ").map(|line| line.split(" | ").next().unwrap());
        match (first_cell, tables.last_mut()) {
            (Some(row), Some(table)) if is_inside => table.rows.push(row),
            (Some(header), _) => tables.push(Table { heading, header, rows: Vec::new() }),
            (None, _) => {}
        }
        is_inside = line.starts_with('|');
    }
    tables
}

/// The evidence for a rule.
enum Evidence {
    /// The names of [rows] with states that the rule refuses.
    Refuses(&'static [&'static str]),
    /// The rule refuses nothing. The names of [rows] with states that it allows.
    Allows(&'static [&'static str]),
    /// A test about the rule. It stands for rules that only allow states, and for rules that a row cannot express.
    Test(fn()),
}

use Evidence::{Allows, Refuses, Test};

const RULES: [(&str, Evidence); 39] = [
    // The state.
    (
        "A sector is written atomically, unless the model has torn sectors.",
        Test(refused_states::a_torn_sector_is_refused_unless_the_model_has_torn_sectors),
    ),
    (
        "A new name persists together with its file or directory.",
        Refuses(&["a name leads to the inode that was made"]),
    ),
    (
        "After a write that makes a file longer, the length may be the end of any block of 4 KiB between the old \
         length and the new one.",
        Refuses(&["a length of a write ends at a block, or with the write"]),
    ),
    (
        "A truncation zeroes the rest of its block of 4 KiB. The zeros may survive without the truncation.",
        Refuses(&["the zeros of a truncation: only in its block"]),
    ),
    (
        "A length that grew may also end where a hole was punched later.",
        Test(real_states::a_growing_file_may_end_with_a_hole),
    ),
    (
        "A rename within a directory is atomic, and so is a rename of a directory.",
        Refuses(&["a rename within a directory has one name", "a directory has one name"]),
    ),
    (
        "A file never loses both names of a rename, unless the model has hostile renames.",
        Refuses(&["a rename has a name"]),
    ),
    (
        "A new mode or owner is a separate change. For a directory, it follows the rules of its names.",
        Test(permissions::a_sweep_tries_each_content_with_each_mode),
    ),
    // The promises.
    ("`sync_all` of a file", Refuses(&["fsync of a file: its bytes", "fsync of a file: its length"])),
    (
        "`sync_data` of a file",
        Refuses(&["fdatasync of a file: its bytes", "fdatasync of a file: its length, if it grew"]),
    ),
    (
        "`sync_directory`",
        Refuses(&[
            "sync of a directory: its names",
            "sync of a directory: both halves of a rename out of it",
        ]),
    ),
    (
        "`sync_volume`, `settle`",
        Refuses(&["sync of a volume: bytes", "sync of a volume: lengths", "sync of a volume: removals"]),
    ),
    // ext4 and XFS.
    (
        "Names persist in the order of the calls, so a crash keeps a prefix. A rename is never split.",
        Refuses(&["names in the order of the calls", "a rename between directories has one name"]),
    ),
    (
        "An fsync forces all names up to the last change of its file or directory.",
        Refuses(&[
            "fsync of a file: names up to its last name",
            "sync of a directory: all names up to its last change",
        ]),
    ),
    (
        "A new mode or owner counts as a change of the file or directory, and on ext4 a new length, too.",
        Refuses(&[
            "fsync of a file: names up to its last mode",
            "fsync of a file: names up to its last write",
            "sync of a directory: all names up to its last mode",
        ]),
    ),
    (
        "An overwrite does not count as a change. Within one clock tick, not even the modification time changes.",
        Test(real_states::an_overwrite_does_not_commit_the_names),
    ),
    (
        "An fsync does not force later names: a commit by the timer may have ended the transaction after the last \
         change.",
        Test(real_states::a_background_commit_may_happen_between_any_two_calls),
    ),
    (
        "`sync_data` forces as little as under `Adversarial`.",
        Allows(&["fdatasync of a file: as fsync", "fdatasync of a file: neither a truncation nor its zeros"]),
    ),
    (
        "Any subset of the sectors of a file persists, because write-back of a range separates them.",
        Allows(&["a block is whole", "a block has its writes in order"]),
    ),
    (
        "Lengths persist in order. Data in new blocks beyond a truncation needs the truncation. Data below it does \
         not.",
        Refuses(&["lengths in the order of the calls", "data beyond a truncation needs the truncation"]),
    ),
    (
        "On XFS, a length that a write set needs the last sector of the write.",
        Refuses(&["a length needs the last sector of its write"]),
    ),
    // btrfs.
    (
        "A commit keeps a prefix of all names. It may happen between any two calls.",
        Refuses(&["names in the order of the calls"]),
    ),
    (
        "After a commit, an fsync writes further names to the log tree.",
        Allows(&["sync of a directory: all names up to its last change"]),
    ),
    (
        "In these rules, a file or directory is *new* only if it was made after the commit.",
        Test(real_states::a_background_commit_may_happen_between_any_two_calls),
    ),
    (
        "An fsync of a file forces its current names and its new directories.",
        Refuses(&[
            "fsync of a file: its names and its new directories",
            "fsync of a file: its other names",
            "fsync of a file: the names of its new directories",
        ]),
    ),
    (
        "An fsync of a directory also forces the names in it, and new files and directories below it.",
        Refuses(&[
            "sync of a directory: its names",
            "sync of a directory: its own name",
            "sync of a directory: new files in new directories below it, without a commit since then",
        ]),
    ),
    (
        "An fsync of a directory forces the new names of files and directories that a rename has moved out of it.",
        Refuses(&[
            "sync of a directory: both halves of a rename out of it",
            "sync of a directory: a rename out of it, also if the old name was forced before",
        ]),
    ),
    (
        "An fsync of a directory does not force links to old files in new directories below it.",
        Allows(&["sync of a directory: no links to old files in new directories below it"]),
    ),
    (
        "The next fsync of anything that changed forces links and renames of a logged file, and renames out of a \
         logged directory.",
        Refuses(&[
            "sync of another file: a new link of a logged file",
            "sync of another file: a rename of a logged file",
            "sync of another file: a rename out of a logged directory",
        ]),
    ),
    (
        "The same fsync also forces removals of names that only the log holds, but not of names on the disk.",
        Refuses(&["sync of another file: the removal of a name that only the log holds"]),
    ),
    (
        "Other new names of a logged file, and other names in a logged new directory, may persist or not.",
        Test(real_states::btrfs_logs_the_other_new_names_of_an_inode),
    ),
    (
        "The new mode or owner of a logged directory may persist or not.",
        Test(permissions::a_logged_ancestor_has_its_mode),
    ),
    (
        "If the names of a synced file have changed, all new names in its old and new directories may persist.",
        Test(real_states::btrfs_logs_the_directories_of_a_file_with_another_name),
    ),
    (
        "A file that moved to another directory may have both names after a sync of the new one.",
        Allows(&["a rename between directories has one name"]),
    ),
    (
        "A name that a later call replaced is not forced by an fsync of the file.",
        Test(real_states::a_replaced_rename_may_leave_the_old_name),
    ),
    ("`sync_data` is `sync_all`.", Refuses(&["fdatasync of a file: as fsync"])),
    (
        "The writes to one block of 4 KiB persist atomically and in order. Different blocks persist in no order.",
        Refuses(&["a block is whole", "a block has its writes in order"]),
    ),
    (
        "Lengths persist in order, also before their data, which then reads as zeros.",
        Refuses(&["data beyond a truncation needs the truncation"]),
    ),
    (
        "A length may persist without an earlier truncation, so that old data is visible. No sweep tries these states.",
        Allows(&["lengths in the order of the calls"]),
    ),
];

/// Returns the profiles to which a rule below a heading applies.
fn profiles(heading: &str, rule: &str) -> &'static [Profile] {
    match heading {
        "The state" | "Why the adversarial profile is complete" => &Profile::ALL,
        "ext4 and XFS" if rule.starts_with("On XFS") => &[Xfs],
        "ext4 and XFS" => &[Ext4, Xfs],
        "btrfs" => &[Btrfs],
        other => panic!("whose rules are below {other}?"),
    }
}

fn row(name: &str) -> Row {
    let mut found = rows().filter(|row| row.name == name);
    let row = found.next().unwrap_or_else(|| panic!("no row: {name}"));
    assert!(found.next().is_none(), "two rows: {name}");
    row
}

fn check(rule: &str, profiles: &[Profile], evidence: &Evidence) {
    let is_refused = |name: &&str, profile: &Profile| row(name).profiles.contains(profile);
    match evidence {
        Refuses(names) => {
            for profile in profiles {
                assert!(
                    names.iter().any(|name| is_refused(name, profile)),
                    "{profile} refuses no state: {rule}"
                );
            }
            for name in *names {
                assert!(profiles.iter().any(|profile| is_refused(name, profile)), "{rule}: admits {name}");
            }
        }
        Allows(names) => {
            for (name, profile) in names.iter().flat_map(|name| profiles.iter().map(move |of| (name, of))) {
                assert!(!is_refused(name, profile), "{rule}: {profile} refuses {name}");
            }
        }
        Test(test) => test(),
    }
}

#[test]
fn each_rule_of_the_model_has_its_evidence() {
    let mut rules = BTreeMap::from(RULES);
    assert_eq!(rules.len(), RULES.len(), "a rule is listed twice");
    let model = tables(include_str!("../../MODEL.md"));
    for table in model.iter().filter(|table| ["rule", "call"].contains(&table.header)) {
        for rule in &table.rows {
            let evidence = rules.remove(rule).unwrap_or_else(|| panic!("no state for the rule: {rule}"));
            check(rule, profiles(table.heading, rule), &evidence);
        }
    }
    let unknown: Vec<_> = rules.into_keys().collect();
    assert!(unknown.is_empty(), "not in MODEL.md: {unknown:#?}");
}

#[test]
fn each_row_of_the_guide_refuses_a_state_under_each_profile() {
    let guide = tables(include_str!("../../src/guide.md"));
    for (header, table) in TABLES {
        let in_guide = guide.iter().find(|table| table.header == header).unwrap();
        assert_eq!(in_guide.rows, table.map(|(row, _)| row), "the rows of the guide");
        for (row, states) in table {
            for profile in Profile::ALL {
                let is_refused = states.iter().any(|state| state.profiles.contains(&profile));
                assert!(is_refused, "{row}: {profile} refuses no state");
            }
        }
    }
}
