//! Compares `admits` with the enumeration of states, and checks that it refuses states that lack something synced.

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};

use super::*;
use crate::{
    Recording,
    crash::{
        Budget, Choice, Choices,
        random::{calls, seeds, workload},
    },
    hash::Seeded,
    mem_fs::MemFs,
    profile::{CrashModel, Profile},
    recording::Explorer,
    refusal::is_admitted,
    tree::Tree,
};

fn found(recording: &Recording, tree: &Tree) -> FoundTree {
    FoundTree::read(&recording.boot(tree), Path::new("/")).unwrap()
}

/// Everything that the enumeration yields is admitted, by its own model and by `Adversarial`.
#[test]
fn every_enumerated_state_is_admitted() {
    let mut states = 0;
    // In the workload of the last seed, a directory takes the old name of another one and is synced. The next sync of
    // the directory of that name must force the new name of the other one (btrfs).
    for seed in seeds(80).chain([1_796_059_933_374]) {
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
                    let is_admitted = is_admitted(&explorer.disk, &recording.hardware, &found);
                    assert!(is_admitted, "seed {seed}, {model} at {point}: {choice:?}: {found:#?}");
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

/// Mixes two trees: a name is bound as in one of them.
fn mixed(one: &FoundTree, other: &FoundTree, salt: u64) -> FoundTree {
    fn add(tree: &FoundTree, dir: &FoundDir, path: &Path, into: &mut Vec<(PathBuf, Option<usize>)>) {
        for (name, below) in &dir.dirs {
            into.push((path.join(name), None));
            add(tree, &tree.dirs[*below], &path.join(name), into);
        }
        into.extend(dir.files.iter().map(|(name, file)| (path.join(name), Some(*file))));
    }
    let mut mixed = FoundTree::new();
    for (at, tree) in [one, other].into_iter().enumerate() {
        let mut names = Vec::new();
        add(tree, &tree.root, Path::new("/"), &mut names);
        let is_taken = |path: &Path| {
            let mut seeded = Seeded::new(salt);
            path.as_os_str()
                .as_encoded_bytes()
                .iter()
                .for_each(|byte| seeded = Seeded::new(seeded.next() ^ u64::from(*byte)));
            seeded.below(2) == at as u64
        };
        let mut files: BTreeMap<usize, Vec<PathBuf>> = BTreeMap::new();
        for (path, file) in names.into_iter().filter(|(path, _)| is_taken(path)) {
            match file {
                None => mixed = mixed.dir(path),
                Some(file) => files.entry(file).or_default().push(path),
            }
        }
        for (file, names) in files {
            mixed = mixed.file(names, &tree.files[file]);
        }
    }
    mixed
}

/// Returns every tree that a crash at the end may leave, or `None` if they are not all enumerated.
fn all_states(recording: &Recording, explorer: &Explorer<'_>) -> Option<Vec<FoundTree>> {
    let axes = explorer.axes(true);
    let choices = Choices::new(&axes, Budget::Ci, 0);
    let are_all = choices.are_all() && choices.have_all_contents();
    let found = |choice: Choice| found(recording, &axes.replay(&explorer.disk, &choice));
    Some(are_all.then_some(choices)?.map(found).collect())
}

/// `admits` and an exhaustive enumeration agree, also about trees that are no states.
#[test]
fn only_enumerated_states_are_admitted() {
    let (mut refused, mut admitted) = (0, 0);
    for seed in seeds(160) {
        let recording = workload(seed, 14, seed % 3 > 0);
        let model = CrashModel::new(Profile::ALL[usize::try_from(seed % 4).unwrap()]);
        let model = model.hostile_rename(seed / 4 % 4 == 0);
        let mut explorer = Explorer::new(&recording, model, None);
        while explorer.step() {}
        let Some(states) = all_states(&recording, &explorer) else { continue };
        let text = |found: &FoundTree| format!("{:?}", found.numbered_by_walk());
        let texts: BTreeSet<String> = states.iter().map(text).collect();
        for at in 0..60_usize {
            let mut seeded = Seeded::new(seed << 8 ^ at as u64);
            let mut pick = || &states[usize::try_from(seeded.below(states.len() as u64)).unwrap()];
            let found = mixed(pick(), pick(), at as u64);
            let is_admitted = is_admitted(&explorer.disk, &recording.hardware, &found);
            let is_state = texts.contains(&text(&found));
            assert_eq!(is_admitted, is_state, "seed {seed}, {model}, tree {at}: {found:#?}");
            *if is_state { &mut admitted } else { &mut refused } += 1;
        }
    }
    assert!(refused > 500 && admitted > 500, "{refused} refused, {admitted} admitted");
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
    let FoundTree { root, dirs, .. } = found;
    let mut at = None;
    for name in path.parent().unwrap().iter().skip(1) {
        at = Some(at.map_or(&*root, |at: usize| &dirs[at]).dirs[name]);
    }
    match at {
        Some(at) => &mut dirs[at],
        None => root,
    }
}

/// Spoils something that was synced: a name, the length, a byte, or the identity of the file.
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
fn a_state_without_a_synced_change_is_refused() {
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
fn a_thousand_pending_names_are_decided() {
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

/// Creates names and removes them again, without a sync. If `moves` is set, each is renamed in between.
fn come_and_go(fs: &MemFs, count: usize, moves: bool) {
    for n in 0..count {
        let [first, last] = ["t", "u"].map(|letter| PathBuf::from(format!("/{letter}{n:04}")));
        drop(fs.open(&first, &FsOpenOptions::new().write(true).create_new(true)).unwrap());
        if moves {
            fs.rename(&first, &last).unwrap();
        }
        fs.remove_file(if moves { &last } else { &first }).unwrap();
    }
}

/// Returns the answer for the root, and the number of ways to bind a name that were looked at.
fn steps(fs: &MemFs, found: &FoundTree) -> (bool, usize) {
    let mut machine = fs.lock();
    let ino = machine.hardware().roots()[0];
    let covered = BTreeSet::new();
    let question = Question::new(machine.storage_mut().disk(), found, &covered);
    let root = (MatchedDir { dir: &found.root, ino }, Path::new("/"));
    let answer = question.admits(root, &BTreeSet::new());
    (answer.is_ok(), question.steps.get())
}

/// A name that came and went without a sync was never there, or is gone again. Both leave the same tree.
#[test]
fn temporary_names_cost_a_few_steps_each() {
    for (moves, each) in [(false, 3), (true, 15)] {
        let fs = MemFs::new();
        come_and_go(&fs, 2000, moves);
        let (is_admitted, steps) = steps(&fs, &FoundTree::new());
        assert!(is_admitted);
        assert!(steps <= 2000 * each, "{steps} steps, moves: {moves}");
    }
}

/// A wrong byte does not become right by another choice about other names.
#[test]
fn a_refusal_does_not_combine_unrelated_names() {
    for moves in [false, true] {
        let fs = MemFs::new();
        fs.create_dir(Path::new("/d")).unwrap();
        fs.write_new(Path::new("/d/f"), b"rows", SyncMode::Normal).unwrap();
        fs.settle();
        for _ in 0..8 {
            fs.rename(Path::new("/d"), Path::new("/e")).unwrap();
            fs.rename(Path::new("/e"), Path::new("/d")).unwrap();
        }
        come_and_go(&fs, 300, moves);
        let found = |bytes: &[u8]| FoundTree::new().file(["/d/f"], bytes);
        assert!(steps(&fs, &found(b"rows")).0);
        let (is_admitted, steps) = steps(&fs, &found(b"ROWS"));
        assert!(!is_admitted);
        assert!(steps < 20_000, "{steps} steps, moves: {moves}");
        assert_eq!(fs.admits(&found(b"ROWS")).unwrap_err().paths, [Path::new("/d/f")]);
    }
}

/// The first choice about `a` is wrong, and no choice about `b` shows it at once.
#[test]
fn the_search_returns_to_the_wrong_choice() {
    let fs = MemFs::new();
    let original = |letter: char| PathBuf::from(format!("/original-{letter}"));
    for letter in "pqvwxy".chars() {
        drop(fs.open(&original(letter), &FsOpenOptions::new().write(true).create_new(true)).unwrap());
    }
    // Each name was bound to each of these files, one after the other.
    let bound = [("/a", "wx"), ("/b", "yv"), ("/c", "xyq"), ("/d", "xvp"), ("/e", "xyq"), ("/f", "xvp")];
    for (name, letters) in bound {
        for letter in letters.chars() {
            let _ = fs.remove_file(Path::new(name));
            fs.hard_link(&original(letter), Path::new(name)).unwrap();
        }
    }
    "pqvwxy".chars().for_each(|letter| fs.remove_file(&original(letter)).unwrap());
    let found = bound.iter().fold(FoundTree::new(), |found, (name, _)| found.file([name], b""));
    // `a` must be `w`: as `x`, it leaves too few files for `c`, `d`, `e` and `f`.
    fs.admits(&found).unwrap();
}

/// `v` may be one of two files. One of them was moved there from `t`. If that move survived, the earlier files of `t`
/// are gone.
#[test]
fn an_undone_change_no_longer_excludes_earlier_ones() {
    let fs = MemFs::new();
    let write = |path: &str, bytes| fs.write_new(Path::new(path), bytes, SyncMode::Normal).unwrap();
    for _ in 0..2 {
        write("/t", b"rows");
        fs.remove_file(Path::new("/t")).unwrap();
    }
    write("/v", b"moved");
    write("/t", b"moved");
    fs.rename(Path::new("/t"), Path::new("/v")).unwrap();
    fs.admits(&FoundTree::new().file(["/t"], b"rows").file(["/v"], b"moved")).unwrap();
    let both = FoundTree::new().file(["/t"], b"moved").file(["/v"], b"moved");
    fs.admits(&both).unwrap();
    let one = FoundTree::new().file(["/t", "/v"], b"moved");
    fs.admits(&one).unwrap_err();
}
