//! `du`, `diff`, `copy`, `manifest`, `completions`, `man`.

use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
};

use lsm_checkpoint::Policy;
use serde_json::Value;

use crate::support::{DAY, Daily, Engine, contents};

/// Allocation depends on the filesystem, so the expected sums come from `stat`.
#[test]
fn storage_is_counted_by_inode() {
    let daily = Daily::new();
    daily.engine.checkpoint(&daily.at("wednesday"), 60, Policy::PreferLink);
    let allocated = |name: &str| fs::metadata(daily.at(name)).unwrap().blocks() * 512;
    let own = |name: &str| -> u64 {
        ["CHECKPOINT", "current", "v1"].iter().map(|file| allocated(&format!("{name}/{file}"))).sum()
    };
    let tables =
        |name: &str| allocated(&format!("{name}/tables/1.sst")) + allocated(&format!("{name}/tables/2.sst"));
    let (code, lines) = daily.json(&["du", "{d}/backups"]);
    let figures = |at: usize| {
        ["allocated_bytes", "freed_bytes", "shared_bytes"]
            .map(|name: &str| -> u64 { lines[at][name].as_str().unwrap().parse().unwrap() })
    };
    assert_eq!((code, lines.len()), (0, 4));
    let copied = own("monday") + tables("monday");
    assert_eq!(figures(0), [copied, copied, 0], "monday is a copy");
    for (at, name) in [(1, "tuesday"), (2, "wednesday")] {
        assert_eq!(
            figures(at),
            [own(name) + tables(name), own(name), tables(name)],
            "{name} shares its tables"
        );
    }
    let all_own = own("monday") + tables("monday") + own("tuesday") + own("wednesday");
    assert_eq!(figures(3), [all_own + tables("tuesday"), all_own, tables("tuesday")], "counted once");
    let table = daily.run(&["du", "{d}/backups"]).out;
    assert!(table.starts_with("NAME       ") && table.contains("FREED BY REMOVAL"), "{table}");
}

/// The database is gone. Files that both checkpoints share are freed only by the removal of the second one.
#[test]
fn files_that_only_checkpoints_share_are_freed_by_the_last() {
    let daily = Daily::empty();
    for name in ["a", "b"] {
        daily.engine.checkpoint(&daily.at(name), 60, Policy::LinkOnly);
    }
    fs::remove_dir_all(&daily.engine.dir).unwrap();
    let (_, lines) = daily.json(&["du", "{d}/backups"]);
    assert_ne!(lines[0]["shared_bytes"], "0");
    assert_eq!(lines[2]["shared_bytes"], "0");
    daily.run(&["remove", "{d}/backups/a"]);
    assert_eq!(daily.json(&["du", "{d}/backups"]).1[0]["shared_bytes"], "0");
}

#[test]
fn a_directory_without_checkpoints_takes_nothing() {
    let empty = Daily::empty();
    empty.run(&["du", "{d}/backups"]).expect(0, "{d}/backups: no checkpoints\n", "");
    fs::create_dir(empty.at(".new.checkpoint-staged")).unwrap();
    empty.run(&["du", "{d}/backups"]).expect(
        0,
        "{d}/backups: no checkpoints\n",
        "note: .new.checkpoint-staged: not counted: an unfinished checkpoint\n",
    );
}

/// From Tuesday to Wednesday, one table was removed, one was added and one is unchanged.
#[test]
fn two_checkpoints_are_compared_file_by_file() {
    let mut daily = Daily::new();
    fs::write(daily.engine.dir.join("3.sst"), [3; 100]).unwrap();
    fs::remove_file(daily.engine.dir.join("1.sst")).unwrap();
    daily.engine.tables = vec![("2.sst".to_owned(), 5_000), ("3.sst".to_owned(), 100)];
    daily.engine.checkpoint(&daily.at("wednesday"), 60, Policy::PreferLink);
    daily.run(&["diff", "{d}/backups/tuesday", "{d}/backups@latest"]).expect(
        0,
        "\
- tables/1.sst  2.9 KiB
+ tables/3.sst  100 B
added 1 file, 100 B; removed 1 file, 2.9 KiB; unchanged 3 files, 9.1 KiB
",
        "note: {d}/backups@latest is {d}/backups/wednesday\n",
    );
    let (code, lines) = daily.json(&["diff", "{d}/backups/monday", "{d}/backups/tuesday"]);
    let fates: Vec<_> = lines.iter().filter_map(|line| line["fate"].as_str()).collect();
    assert_eq!(
        (code, fates),
        (0, vec!["unchanged", "unknown", "unknown", "unchanged"]),
        "a link has no checksum"
    );
    let other = Engine::new(daily.temp.path().join("other"), "other");
    other.checkpoint(&daily.at("other"), 60, Policy::Independent);
    let (_, lines) = daily.json(&["diff", "{d}/backups/monday", "{d}/backups/other"]);
    assert_eq!(lines[1]["fate"], "changed");
}

/// As with `rsync --link-dest`, a file that the base already has costs only a link. The summary says so, and `verify`
/// reads the files.
#[test]
fn a_copy_with_a_base_does_not_read_the_files_that_it_links() {
    let daily = Daily::new();
    fs::create_dir(daily.temp.path().join("disk")).unwrap();
    assert_eq!(daily.run(&["copy", "{d}/backups/monday", "{d}/disk/monday"]).code, 0);
    daily.engine.checkpoint(&daily.at("wednesday"), 60, Policy::Independent);
    fs::remove_file(daily.temp.path().join("disk/monday/tables/1.sst")).unwrap();
    fs::write(daily.temp.path().join("disk/monday/tables/1.sst"), [0; 3_000]).unwrap();
    let copy = ["copy", "--base", "{d}/disk/monday", "{d}/backups/wednesday", "{d}/disk/wednesday"];
    let ran = daily.run(&copy);
    let linked = "link to the base, not read: 2 files, 7.8 KiB";
    assert!(ran.code == 0 && ran.out.contains(linked), "{ran:?}");
    let verified = daily.run(&["verify", "{d}/disk/wednesday"]);
    assert!(verified.code == 2 && verified.out.contains("  tables/1.sst: "), "{verified:?}");
}

#[test]
fn a_copy_is_a_checkpoint_of_the_same_source_and_time() {
    let daily = Daily::new();
    fs::create_dir(daily.temp.path().join("disk")).unwrap();
    let ran = daily.run(&["copy", "{d}/backups/monday", "{d}/disk/monday"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let (code, lines) = daily.json(&["list", "{d}/disk"]);
    assert_eq!((code, lines.len()), (0, 1));
    assert_eq!(
        (&lines[0]["identity"], &lines[0]["created"]),
        (&"orders".into(), &"2026-03-08T12:00:00Z".into())
    );
    // Files of the base are recognised by checksum, and a linked file has none. So this checkpoint is a copy.
    daily.engine.checkpoint(&daily.at("wednesday"), 60, Policy::Independent);
    let (code, lines) =
        daily.json(&["copy", "--base", "{d}/disk/monday", "{d}/backups/wednesday", "{d}/disk/wednesday"]);
    assert_eq!(code, 0);
    assert_eq!(lines.last().unwrap()["by_method"]["link to the base"]["files"], "2", "{lines:?}");
    let before = contents(&daily.at("wednesday"));
    let after = contents(&daily.temp.path().join("disk/wednesday"));
    let data = |files: Vec<(std::path::PathBuf, Vec<u8>)>| -> Vec<_> {
        files.into_iter().filter(|(path, _)| path.to_str() != Some("CHECKPOINT")).collect()
    };
    assert_eq!(data(before), data(after));
    assert_eq!(daily.run(&["verify", "{d}/disk/monday", "{d}/disk/wednesday"]).code, 0);
    let dry = daily.run(&["copy", "--dry-run", "{d}/backups/monday", "{d}/disk/again"]);
    assert!(dry.out.contains("would be copied"), "{}", dry.out);
    assert_eq!(daily.run(&["copy", "{d}/backups/monday", "{d}/disk/monday"]).code, 4);
}

/// Every checkpoint that is made today has an identity.
#[test]
fn a_nameless_checkpoint_is_copied_under_a_name() {
    let daily = Daily::empty();
    daily.nameless("old", DAY);
    let ran = daily.run(&["copy", "{d}/backups/old", "{d}/backups/copy"]);
    assert!(ran.code == 4 && ran.err.ends_with("hint: give the copy a name with --identity\n"), "{ran:?}");
    assert_eq!(daily.run(&["copy", "--identity", "orders", "{d}/backups/old", "{d}/backups/copy"]).code, 0);
    assert_eq!(daily.json(&["show", "{d}/backups/copy"]).1[0]["identity"], "orders");
}

/// Flips a bit of a file. The file must not share its inode with the database.
fn flip(daily: &Daily, file: &str, offset: u64) {
    let path = daily.at(file);
    let mut byte = [0];
    let handle = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    handle.read_exact_at(&mut byte, offset).unwrap();
    handle.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn a_manifest_is_inspected() {
    let daily = Daily::new();
    let ran = daily.run(&["manifest", "inspect", "{d}/backups/monday/v1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let parts: Vec<_> = ran.out.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(
        parts,
        [
            "{d}/backups/monday/v1: 4.2 KiB",
            "PART",
            "tail",
            "mirror",
            "section tables",
            "section format_version",
            "CURRENT names it with its digest",
        ]
    );
    daily.run(&["manifest", "verify", "{d}/backups/monday/v1"]).expect(
        0,
        "{d}/backups/monday/v1: sound\n",
        "",
    );
    let (_, lines) = daily.json(&["manifest", "inspect", "{d}/backups/monday/CHECKPOINT"]);
    assert_eq!(lines.last().unwrap()["current"], "not_a_version");
}

#[test]
fn the_relation_to_current_is_found() {
    let daily = Daily::new();
    let current = |line: &[Value]| line.last().unwrap()["current"].as_str().unwrap().to_owned();
    let verify = || daily.json(&["manifest", "verify", "{d}/backups/monday/v1"]);
    fs::copy(daily.at("monday/v1"), daily.at("monday/v2")).unwrap();
    let (code, lines) = daily.json(&["manifest", "verify", "{d}/backups/monday/v2"]);
    assert_eq!((code, current(&lines).as_str()), (0, "names_another"));
    fs::remove_file(daily.at("monday/v1")).unwrap();
    fs::copy(daily.at("monday/CHECKPOINT"), daily.at("monday/v1")).unwrap();
    let (code, lines) = verify();
    assert_eq!((code, current(&lines).as_str()), (2, "digest_mismatch"));
    fs::write(daily.at("monday/current"), [0; 25]).unwrap();
    assert_eq!((verify().0, current(&verify().1).as_str()), (2, "unreadable"));
    fs::remove_file(daily.at("monday/current")).unwrap();
    assert_eq!(current(&verify().1), "none");
}

#[test]
fn a_section_is_dumped_as_bytes() {
    let daily = Daily::new();
    daily.run(&["manifest", "dump", "{d}/backups/monday/v1", "tables"]).expect(0, "1 2", "");
    let (_, lines) = daily.json(&["manifest", "dump", "{d}/backups/monday/v1", "tables"]);
    assert_eq!(lines[0]["base64"], "MSAy");
    let ran = daily.run(&["manifest", "dump", "{d}/backups/monday/v1", "none"]);
    assert!(
        ran.code == 4
            && ran.err.contains(
                "it has no section named none\nhint: list the sections with `lsm-checkpoint manifest"
            ),
        "{ran:?}"
    );
}

#[test]
fn a_damaged_mirror_is_rewritten() {
    let daily = Daily::new();
    let file = "{d}/backups/monday/v1";
    let whole = fs::read(daily.at("monday/v1")).unwrap();
    flip(&daily, "monday/v1", 40);
    let ran = daily.run(&["manifest", "verify", file]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.out.contains("`lsm-checkpoint manifest repair --dry-run {d}/backups/monday/v1`"),
        "{}",
        ran.out
    );
    let expected = "{d}/backups/monday/v1: mirror: would be rewritten (dry run)\n";
    daily.run(&["manifest", "repair", "--dry-run", file]).expect(0, expected, "");
    assert_ne!(fs::read(daily.at("monday/v1")).unwrap(), whole);
    let ran = daily.run(&["manifest", "repair", "--verbose", file]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{d}/backups/monday/v1: the mirror: rewritten\n"));
    assert!(ran.err.starts_with("warn: {d}/backups/monday/v1: "), "the library says so too: {}", ran.err);
    assert_eq!(fs::read(daily.at("monday/v1")).unwrap(), whole);
    daily.run(&["manifest", "repair", file]).expect(
        0,
        "{d}/backups/monday/v1: healthy, nothing to repair\n",
        "",
    );
}

#[test]
fn a_damaged_section_without_a_copy_is_lost() {
    let daily = Daily::new();
    let bytes = fs::read(daily.at("monday/v1")).unwrap();
    let at = bytes.windows(3).position(|window| window == b"1 2").unwrap();
    flip(&daily, "monday/v1", at as u64);
    let shown = daily.run(&["manifest", "inspect", "{d}/backups/monday/v1"]).out;
    let next = "  next: restore it from a checkpoint; a repair cannot bring the lost parts back\n";
    assert!(shown.ends_with(next), "{shown}");
    let lost = "{d}/backups/monday/v1: section tables: lost; restore the file from a checkpoint\n";
    daily.run(&["manifest", "repair", "--dry-run", "{d}/backups/monday/v1"]).expect(2, lost, "");
    daily.run(&["manifest", "repair", "{d}/backups/monday/v1"]).expect(2, lost, "");
    let (_, lines) = daily.json(&["manifest", "repair", "{d}/backups/monday/v1"]);
    assert_eq!(lines[0]["lost"][0], "section tables");
}

#[test]
fn shells_and_man_know_every_command() {
    let daily = Daily::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = daily.run(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("keep-daily"), "{shell}: {ran:?}");
    }
    let ran = daily.run(&["man", "{d}"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for page in ["lsm-checkpoint.1", "lsm-checkpoint-prune.1", "lsm-checkpoint-manifest-repair.1"] {
        assert!(ran.out.contains(&format!("{{d}}/{page}\n")), "{}", ran.out);
        assert!(fs::read_to_string(daily.temp.path().join(page)).unwrap().starts_with(".ie"), "{page}");
    }
}

/// The copy has the time of its original, which is a week old.
#[test]
fn a_copy_keeps_its_age_for_a_check() {
    let daily = Daily::empty();
    daily.engine.checkpoint(&daily.at("old"), 7 * DAY as i64, Policy::PreferLink);
    daily.run(&["copy", "{d}/backups/old", "{d}/backups/copy"]);
    assert_eq!(daily.run(&["check", "{d}/backups", "--max-age", "6d"]).code, 2);
}
