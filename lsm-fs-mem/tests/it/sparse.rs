//! Files that are long and nearly empty. The work and the memory of a crash follow the changes, and not the length.

use std::{collections::BTreeSet, path::Path};

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, Result, SyncMode};
use lsm_fs_mem::{CrashSweep, FoundTree, MemFs, Notes, Profile};

const FAR: u64 = 1 << 40;
const NORMAL: SyncMode = SyncMode::Normal;
const PROFILES: [Profile; 4] = [Profile::Adversarial, Profile::Ext4, Profile::Xfs, Profile::Btrfs];

fn f() -> &'static Path {
    Path::new("/f")
}

/// Creates a durable file of this length, with a byte at its start and another one at its end.
fn two_bytes(len: u64) -> MemFs {
    let fs = MemFs::new();
    fs.write_new(f(), b"x", NORMAL).unwrap();
    let file = fs.open(f(), &FsOpenOptions::new().write(true)).unwrap();
    file.write_at(b"y", len - 1).unwrap();
    fs.settle();
    fs
}

/// Sweeps a workload and returns what `look` has seen of its crash states.
fn seen<T: Ord>(
    start: &MemFs,
    profile: Profile,
    work: impl Fn(&MemFs) -> Result<()>,
    look: impl Fn(&MemFs) -> Result<T>,
) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    let check = |image: &MemFs, _: &Notes| -> Result<()> {
        seen.insert(look(image)?);
        Ok(())
    };
    let noted = |fs: &MemFs| {
        fs.note("begun");
        work(fs)
    };
    CrashSweep::new().start_from(start).models([profile]).run(noted, check).unwrap();
    seen
}

/// Reads the bytes at the start and at the end.
fn ends(fs: &MemFs, path: &Path) -> Result<(u8, u8)> {
    let file = fs.open(path, &FsOpenOptions::new().read(true))?;
    let [mut first, mut last] = [[0], [0]];
    file.read_at(&mut first, 0)?;
    file.read_at(&mut last, file.metadata()?.len.saturating_sub(1))?;
    Ok((first[0], last[0]))
}

#[test]
fn a_byte_far_into_a_file_has_the_lengths_on_the_way() {
    let start = MemFs::new();
    start.write_new(f(), b"", NORMAL).unwrap();
    start.settle();
    let write = |fs: &MemFs| fs.open(f(), &FsOpenOptions::new().write(true))?.write_at(b"z", FAR);
    for profile in PROFILES {
        let lens = seen(&start, profile, write, |fs| Ok(fs.metadata(f())?.len));
        assert_eq!(lens, BTreeSet::from([0, FAR / 2 + 4096, FAR + 1]), "{profile:?}");
    }
    write(&start).unwrap();
    let of_len = |len: usize| FoundTree::new().file(["/f"], &vec![0; len]);
    for len in [0, 4096, 3 * 4096] {
        start.admits(&of_len(len)).unwrap();
    }
    for len in [1, 4095, 4097] {
        assert!(start.admits(&of_len(len)).is_err(), "a length of {len}");
    }
}

#[test]
fn a_hole_over_a_long_file_may_survive_in_part() {
    let start = two_bytes(FAR);
    let punch = |fs: &MemFs| fs.punch_hole(f(), 0, FAR);
    for profile in PROFILES {
        let ends = seen(&start, profile, punch, |fs| ends(fs, f()));
        for state in [(b'x', b'y'), (0, b'y'), (0, 0)] {
            assert!(ends.contains(&state), "{profile:?}: {state:?} is not in {ends:?}");
        }
    }
}

#[test]
fn holes_and_writes_over_each_other_are_admitted() {
    let fs = two_bytes(FAR);
    let middle = FAR / 2;
    let file = fs.open(f(), &FsOpenOptions::new().write(true)).unwrap();
    fs.punch_hole(f(), 0, FAR).unwrap();
    file.write_at(b"m", middle).unwrap();
    fs.punch_hole(f(), 1, FAR - 2).unwrap();
    file.set_len(3).unwrap();
    for bytes in [b"x\0\0", b"\0\0\0"] {
        fs.admits(&FoundTree::new().file(["/f"], bytes)).unwrap();
    }
    for bytes in [&b"m\0\0"[..], b"x", b"x\0y"] {
        assert!(fs.admits(&FoundTree::new().file(["/f"], bytes)).is_err(), "{bytes:?}");
    }
    let write = |fs: &MemFs| {
        fs.punch_hole(f(), 0, FAR)?;
        fs.open(f(), &FsOpenOptions::new().write(true))?.write_at(b"m", middle)
    };
    let at_middle = |fs: &MemFs| {
        let mut byte = [0];
        fs.open(f(), &FsOpenOptions::new().read(true))?.read_at(&mut byte, middle)?;
        Ok(byte[0])
    };
    for profile in PROFILES {
        let states = seen(&two_bytes(FAR), profile, write, at_middle);
        assert_eq!(states, BTreeSet::from([0, b'm']), "{profile:?}");
    }
}

#[test]
fn a_clone_of_a_long_file_keeps_its_bytes() {
    let (start, copy) = (two_bytes(FAR), Path::new("/copy"));
    let clone = |fs: &MemFs| fs.reflink_file(f(), copy);
    for profile in PROFILES {
        let look = |fs: &MemFs| if fs.exists(copy)? { ends(fs, copy).map(Some) } else { Ok(None) };
        let states = seen(&start, profile, clone, look);
        for state in [None, Some((b'x', b'y')), Some((0, 0))] {
            assert!(states.contains(&state), "{profile:?}: {state:?} is not in {states:?}");
        }
    }
}
