//! Compares membership with the enumeration, and refuses states that lack something synced.

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};

use super::*;
use crate::{
    Recording,
    crash::{
        Budget, Choices,
        random::{calls, seeds, workload},
    },
    hash::Seeded,
    mem_fs::MemFs,
    profile::{CrashModel, Profile},
    recording::Explorer,
    refusal::admits,
};

fn found(recording: &Recording, tree: &Tree) -> FoundTree {
    FoundTree::read(&recording.boot(tree), Path::new("/")).unwrap()
}

/// Everything that the enumeration yields is admitted, by its own model and by `Adversarial`.
#[test]
fn what_the_enumeration_yields_is_admitted() {
    let mut states = 0;
    for seed in seeds(80) {
        let recording = workload(seed, 24, seed % 2 == 0);
        let profile = Profile::ALL[usize::try_from(seed / 2 % 4).unwrap()];
        let split = CrashModel::new(profile).hostile_rename(seed % 5 == 0).torn_sector(seed % 7 == 0);
        let wide = CrashModel { profile: Profile::Adversarial, ..split };
        let mut explorer = Explorer::new(&recording, split, None);
        let mut adversary = Explorer::new(&recording, wide, None);
        loop {
            let (point, axes) = (explorer.point, explorer.axes(false));
            let choices = Choices::new(&axes, Budget::Quick, seed);
            for choice in choices.filter(|_| explorer.is_crash_point()).take(40) {
                let found = found(&recording, &axes.replay(&explorer.disk, &choice));
                for (model, explorer) in [(split, &explorer), (wide, &adversary)] {
                    let admitted = admits(&explorer.disk, &recording.hardware, model, &found);
                    assert_eq!(admitted, Ok(()), "seed {seed}, {split} at {point}: {choice:?}: {found:#?}");
                }
                states += 1;
            }
            if !explorer.step() || !adversary.step() {
                break;
            }
        }
    }
    assert!(states > 3_000, "only {states} states");
}

/// Makes random calls, then makes one file and the directories above it durable.
fn with_synced_file(seed: u64, profile: Profile) -> Option<(MemFs, PathBuf)> {
    let fs = crate::volume::MemFsOptions::new().crash_model(profile).build().unwrap();
    for dir in ["/d", "/e"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    fs.settle();
    calls(&fs, seed, 30, false);
    let files = ["/d/s/a", "/a", "/d/a", "/e/b", "/b", "/d/b", "/e/a"];
    let mut seeded = Seeded::new(seed);
    let path = Path::new(files[usize::try_from(seeded.below(files.len() as u64)).unwrap()]);
    let file = fs.open(path, &FsOpenOptions::new().write(true)).ok()?;
    file.sync_all(SyncMode::Normal).unwrap();
    for dir in path.ancestors().skip(1) {
        let _ = fs.sync_directory(dir, SyncMode::Normal).unwrap();
    }
    Some((fs, path.to_path_buf()))
}

/// Returns the directory that holds the name.
fn dir_of<'f>(found: &'f mut FoundTree, path: &Path) -> &'f mut FoundDir {
    let parents: Vec<_> = path.parent().unwrap().iter().skip(1).collect();
    parents.iter().fold(&mut found.root, |dir, name| dir.dirs.get_mut(*name).unwrap())
}

/// Takes something that was synced away: a name, the length, a byte, or the identity of the file.
fn spoilt(live: &FoundTree, path: &Path, way: u64) -> FoundTree {
    let mut found = live.clone();
    let name = path.file_name().unwrap();
    let file = dir_of(&mut found, path).files[name];
    match way {
        0 => drop(dir_of(&mut found, path).files.remove(name)),
        1 => found.files[file].push(1),
        2 if !found.files[file].is_empty() => found.files[file][0] ^= 0x80,
        2 => found.files[file].push(0),
        _ => {
            // Another file with the same name and as many bytes.
            found.files.push(found.files[file].iter().map(|byte| byte ^ 0x40).chain([9]).collect());
            let other = found.files.len() - 1;
            dir_of(&mut found, path).files.insert(name.to_owned(), other);
        }
    }
    found
}

#[test]
fn a_state_that_lacks_something_synced_is_refused() {
    let (mut refused, mut seed) = (0, 0);
    while refused < 1000 {
        seed += 1;
        let profile = Profile::ALL[usize::try_from(seed % 4).unwrap()];
        let Some((fs, path)) = with_synced_file(seed, profile) else { continue };
        let live = FoundTree::read(&fs, Path::new("/")).unwrap();
        assert_eq!(fs.admits(&live), Ok(()), "seed {seed}, {profile}: the live tree");
        for way in 0..4 {
            let found = spoilt(&live, &path, way);
            let refusal = fs.admits(&found);
            assert!(
                refusal.is_err(),
                "seed {seed}, {profile}, {way}: {} was synced\n{found:#?}",
                path.display()
            );
            refused += 1;
        }
    }
}

/// A thousand pending names, of which the later half survives.
#[test]
fn many_pending_changes_are_decided() {
    let fs = MemFs::new();
    let path = |n: usize| PathBuf::from(format!("/{n:04}"));
    for n in 0..1000 {
        fs.write_new(&path(n), b"rows", SyncMode::Normal).unwrap();
    }
    let half = |from: usize| (from..1000).fold(FoundTree::new(), |found, n| found.file([path(n)], b"rows"));
    fs.admits(&half(500)).unwrap();
    let refusal = fs.admits(&half(500).file(["/0999"], b"ROWS")).unwrap_err();
    assert_eq!(refusal.paths, [Path::new("/0999")]);
}
