//! Files that are written in place: a later write without an earlier one, and new bytes under an old length.

use std::{collections::BTreeSet, path::Path};

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, Op, Result, SyncMode, errno};
use lsm_fs_mem::{
    CrashSweep, DirtyPages, Fault, FaultFs, MemFs, Notes, Profile, StateId, Survives, SweepError,
    VolumeState, replay,
};

const FILE: &str = "/f";
const NORMAL: SyncMode = SyncMode::Normal;
const SECTOR: usize = 512;

/// Creates a durable file of zeros.
fn prepared(sectors: usize) -> MemFs {
    let fs = MemFs::new();
    fs.write_new(Path::new(FILE), &vec![0; sectors * SECTOR], NORMAL).unwrap();
    fs.settle();
    fs
}

/// Returns the possible contents of the file after a crash, with a letter for the first byte of each sector.
fn states(start: &MemFs, profile: Profile, work: fn(&dyn FsFile) -> Result<()>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let report = CrashSweep::new().start_from(start).models([profile]).run(
        |fs: &MemFs| {
            let file = fs.open(Path::new(FILE), &FsOpenOptions::new().write(true))?;
            fs.note("begun");
            work(&*file)
        },
        |image: &MemFs, _: &Notes| -> Result<()> {
            let bytes = image.read_to_vec(Path::new(FILE), 1 << 20)?;
            let letter = |sector: &[u8]| if sector[0] == 0 { '-' } else { char::from(sector[0]) };
            seen.insert(bytes.chunks(SECTOR).map(letter).collect());
            Ok(())
        },
    );
    assert!(report.unwrap().is_exhaustive());
    seen
}

fn put(file: &dyn FsFile, letter: u8, sector: usize) -> Result<()> {
    file.write_at(&[letter; SECTOR], (sector * SECTOR) as u64)
}

fn all(states: &[&str]) -> BTreeSet<String> {
    states.iter().map(|state| (*state).to_owned()).collect()
}

#[test]
fn a_header_may_survive_without_the_record_before_it() {
    let work = |file: &dyn FsFile| put(file, b'R', 1).and_then(|()| put(file, b'H', 0));
    for profile in [Profile::Adversarial, Profile::Ext4, Profile::Xfs] {
        assert_eq!(states(&prepared(2), profile, work), all(&["--", "-R", "H-", "HR"]), "{profile:?}");
    }
}

#[test]
fn each_of_three_writes_may_be_lost_alone() {
    let work = |file: &dyn FsFile| {
        put(file, b'A', 1)?;
        put(file, b'H', 0)?;
        put(file, b'B', 2)
    };
    let found = states(&prepared(3), Profile::Adversarial, work);
    for state in ["---", "-A-", "H--", "--B", "HA-", "-AB", "H-B", "HAB"] {
        assert!(found.contains(state), "{state} is not in {found:?}");
    }
}

#[test]
fn a_header_may_survive_without_the_new_length() {
    let work = |file: &dyn FsFile| put(file, b'R', 1).and_then(|()| put(file, b'H', 0));
    let found = states(&prepared(1), Profile::Adversarial, work);
    for state in ["-", "H", "--", "-R", "HR"] {
        assert!(found.contains(state), "{state} is not in {found:?}");
    }
}

#[test]
fn a_truncated_file_may_be_empty_before_its_rewrite() {
    let work = |file: &dyn FsFile| {
        file.set_len(0)?;
        put(file, b'A', 0)?;
        put(file, b'B', 1)
    };
    for profile in Profile::ALL {
        let found = states(&prepared(2), profile, work);
        assert!(found.contains("") && found.contains("--") && found.contains("AB"), "{profile:?}: {found:?}");
    }
}

/// Data written beyond a truncated length lies in new blocks. If the truncation is lost, the file does not show this
/// data.
#[test]
fn bytes_after_a_lost_cut_are_not_visible() {
    let work = |file: &dyn FsFile| file.set_len(0).and_then(|()| put(file, b'A', 0));
    for profile in [Profile::Ext4, Profile::Xfs] {
        let found = states(&prepared(3), profile, work);
        assert!(found.contains("---") && found.contains("A") && !found.contains("A--"), "{found:?}");
    }
}

/// A rename that takes effect but fails also moves the temporary file, so there is nothing to clean up.
#[test]
fn a_missing_file_is_not_a_failed_cleanup() {
    let fs = FaultFs::new(MemFs::new());
    fs.inject(Fault::on(Op::Rename).after(errno::EIO));
    let failed = fs.rewrite_atomic(Path::new(FILE), b"new", NORMAL).unwrap_err();
    assert!(failed.op() == Op::Rename && failed.cleanup_failure().is_none(), "{failed}");
}

/// The kernel clones the data on disk, while the cache still shows data that a failed sync has lost.
#[test]
fn a_clone_does_not_have_pages_lost_by_a_failed_sync() {
    let fs = prepared(1);
    let file = fs.open(Path::new(FILE), &FsOpenOptions::new().write(true)).unwrap();
    put(&*file, b'A', 0).unwrap();
    fs.fail_next_sync(Path::new(FILE), errno::EIO, DirtyPages::Dropped);
    assert!(file.sync_all(NORMAL).is_err());
    fs.reflink_file(Path::new(FILE), Path::new("/clone")).unwrap();
    let first = |path: &str| fs.read_to_vec(Path::new(path), 1 << 10).unwrap()[0];
    assert_eq!((first(FILE), first("/clone")), (b'A', 0));
}

/// An image is configured as the recording began, and its volumes are freshly mounted.
#[test]
fn an_image_has_the_options_of_the_start() {
    let fs = MemFs::new();
    fs.record();
    fs.write_new(Path::new(FILE), b"rows", NORMAL).unwrap();
    fs.reconfigure(Path::new("/"), |volume| volume.state(VolumeState::ReadOnly).capacity_bytes(0)).unwrap();
    let recording = fs.take_recording().unwrap();
    let image = recording.image(&"adversarial@0=-".parse::<StateId>().unwrap());
    image.write_new(Path::new("/other"), b"rows", NORMAL).unwrap();
    fs.reconfigure(Path::new("/"), |volume| volume.state(VolumeState::ShutDown).capacity_bytes(1 << 20))
        .unwrap();
    fs.crash(Survives::Everything).write_new(Path::new("/other"), b"rows", NORMAL).unwrap();
}

/// An id of another workload must not be reported as a state that passed.
#[test]
fn a_state_of_another_workload_is_refused() {
    let workload = |fs: &MemFs| fs.write_new(Path::new(FILE), b"rows", NORMAL);
    let fine = |_: &MemFs, _: &Notes| -> Result<()> { Ok(()) };
    for id in [
        "adversarial@900=-",
        "adversarial@1=-",
        "adversarial@1=00000000",
        "adversarial@1=9",
        "adversarial@1=0/adversarial@0=-",
        "btrfs@1~1.99=0",
        "btrfs@1~2.all=0",
    ] {
        let id: StateId = id.parse().unwrap();
        let outcome = replay(&id, workload, fine);
        assert!(matches!(outcome, Err(SweepError::NoSuchState(_))), "{id}: {outcome:?}");
    }
}
