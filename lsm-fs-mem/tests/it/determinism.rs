//! The same workload and seed give the same images, on every run and in another process.

use std::{
    collections::hash_map::DefaultHasher,
    fmt::Write as _,
    hash::{Hash, Hasher},
    path::Path,
    process::Command,
};

use lsm_fs::{Fs, FsExt, FsOpenOptions, Result, SyncMode};
use lsm_fs_mem::{Budget, CrashModel, CrashSweep, ForeignSync, MemFs, Profile, Survives};

use crate::ops::tree;

/// A workload with more pending changes than a quick sweep can try exhaustively, so that the seed matters.
fn workload(fs: &MemFs) -> Result<()> {
    fs.create_dir(Path::new("/d"))?;
    for index in 0..6_u8 {
        let path = format!("/d/{index}");
        let file = fs.open(Path::new(&path), &FsOpenOptions::new().write(true).create(true))?;
        file.write_at(&vec![index; 300 * usize::from(index)], 0)?;
        if index % 3 == 0 {
            file.sync_all(SyncMode::Normal)?;
        }
        fs.rename(Path::new(&path), Path::new(&format!("{path}.renamed")))?;
    }
    fs.note("built");
    fs.remove_file(Path::new("/d/4.renamed"))
}

/// Returns a fingerprint of every image in the order of the sweep, and of the report.
fn fingerprint(seed: u64) -> String {
    let mut text = String::new();
    let report = CrashSweep::new()
        .models(Profile::ALL.map(|p| CrashModel::new(p).torn_sector(true).hostile_rename(p == Profile::Ext4)))
        .budget(Budget::Quick)
        .seed(seed)
        .foreign_syncs([ForeignSync::path("/d")])
        .run(workload, |image, notes| {
            let _ = write!(text, "{}{notes:?}", tree(image, Path::new("/")));
            Ok::<(), String>(())
        })
        .unwrap();
    assert!(!report.is_exhaustive(), "nothing was left to the seed");
    let crashed = MemFs::new();
    workload(&crashed).unwrap();
    text.push_str(&tree(&crashed.crash(Survives::Seeded(seed)), Path::new("/")));
    let _ = write!(text, "{report}");
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

const CHILD: &str = "LSM_FS_MEM_CHILD";

#[test]
fn another_process_finds_the_same_images() {
    let mine = fingerprint(7);
    if std::env::var_os(CHILD).is_some() {
        println!("fingerprint {mine}");
        return;
    }
    assert_eq!(fingerprint(7), mine, "another run in this process");
    assert_ne!(fingerprint(8), mine, "the seed makes no difference");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["determinism::another_process_finds_the_same_images", "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("fingerprint {mine}")), "{text}");
}

#[test]
fn the_images_are_pinned() {
    // The value changes with the model and with the workload above. For one revision, it is the same on every machine.
    assert_eq!(fingerprint(7), PINNED);
}

const PINNED: &str = "007eb2e149371e05";

#[test]
fn an_image_is_a_usable_filesystem() {
    let fs = MemFs::new();
    workload(&fs).unwrap();
    let first = fs.crash(Survives::Seeded(3));
    let before = tree(&first, Path::new("/"));
    first.create_dir(Path::new("/more")).unwrap();
    assert!(
        !first.crash(Survives::Forced).exists(Path::new("/more")).unwrap(),
        "what a boot found is durable"
    );
    assert!(!before.contains("more"));
}
