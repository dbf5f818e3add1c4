//! Limits of mounts: other mounts, full ones, read-only ones, inodes with 65,000 names, files of 4 GiB.

use std::{io::ErrorKind, ops::ControlFlow, path::Path};

use lsm_fs::{
    CopyJob, CopyOptions, DirPair, Error, Fs, FsExt, FsFile, FsOpenOptions, NamePair, Op, StdFs, SyncMode,
    batch::{ReflinkOptions, hard_link_batch, reflink_batch, reflink_batch_with},
    copy::copy_batch,
    errno,
};

use crate::mounts::{BTRFS, EXT4, EXT4_B, FULL, READ_ONLY, TMPFS, XFS, root, scratch};

const NEW: FsOpenOptions = FsOpenOptions::new().write(true).create_new(true);

#[test]
fn a_batch_of_links_across_mounts_refuses_each_link() {
    let (from, to) = (scratch(EXT4), scratch(EXT4_B));
    for name in ["a", "b"] {
        StdFs.write_new(&from.path().join(name), b"x", SyncMode::Normal).unwrap();
    }
    let pairs = [NamePair::same("a"), NamePair::same("b")];
    let mut errnos = Vec::new();
    let mut report = |_, result: lsm_fs::Result<()>| {
        let error = result.unwrap_err();
        assert!(error.allows_fallback(), "{error}");
        errnos.push(error.raw_os_error());
        ControlFlow::Continue(())
    };
    hard_link_batch(&StdFs, DirPair { from: from.path(), to: to.path() }, &pairs, &mut report);
    reflink_batch(
        &StdFs,
        DirPair { from: from.path(), to: to.path() },
        &pairs,
        SyncMode::Normal,
        &mut report,
    );
    assert_eq!(errnos[..2], [Some(errno::EXDEV); 2]);
    assert_eq!(errnos.len(), 4);
    assert!(StdFs.read_dir(to.path()).unwrap().is_empty(), "a refused clone was left behind");
}

/// A file that is mounted over another one has the device number of the root of the view, so only the id of its mount
/// shows that it is a mount. If the test fails, the mounts end with the mount namespace of this run.
#[test]
fn a_view_does_not_enter_a_file_that_is_mounted_over_another() {
    let dir = scratch(EXT4);
    let root = dir.path().join("root");
    StdFs.create_dir(&root).unwrap();
    StdFs.create_dir(&root.join("sub")).unwrap();
    StdFs.write_new(&dir.path().join("outside"), b"outside", SyncMode::Normal).unwrap();
    let mounted = [root.join("f"), root.join("sub/f")];
    for at in &mounted {
        StdFs.write_new(at, b"in", SyncMode::Normal).unwrap();
        let mut mount = std::process::Command::new("mount");
        assert!(mount.arg("--bind").arg(dir.path().join("outside")).arg(at).status().unwrap().success());
    }
    let view = StdFs.beneath(&root).unwrap();
    for at in &mounted {
        assert_eq!(StdFs.metadata(at).unwrap().len, 7, "the mount is there");
        for found in [view.metadata(at), view.symlink_metadata(at)] {
            assert_eq!(found.unwrap_err().kind(), ErrorKind::CrossesDevices, "{}", at.display());
        }
    }
    for at in &mounted {
        assert!(std::process::Command::new("umount").arg(at).status().unwrap().success());
    }
}

#[test]
fn large_and_small_batches_of_links_give_the_same_results() {
    // So many that two threads look up the names first, even on XFS.
    const COUNT: usize = 1_200;
    for mount in [EXT4, XFS, BTRFS, TMPFS] {
        let dir = scratch(mount);
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        StdFs.create_dir(&from).unwrap();
        let names: Vec<_> = (0..COUNT).map(|i| i.to_string()).collect();
        for name in names.iter().filter(|name| *name != "7") {
            StdFs.write_new(&from.join(name), b"x", SyncMode::Normal).unwrap();
        }
        let mut pairs: Vec<_> = names.iter().map(NamePair::same).collect();
        pairs[9] = NamePair::new("9", "..");
        pairs[11] = NamePair::new("11", "12");
        pairs[13] = NamePair::new("13", "there");
        let mut said = Vec::new();
        // Batches of one link each, then one batch of all links.
        for at_once in [1, COUNT] {
            StdFs.create_dir(&to).unwrap();
            StdFs.write_new(&to.join("there"), b"y", SyncMode::Normal).unwrap();
            let mut kinds = Vec::new();
            for some in pairs.chunks(at_once) {
                hard_link_batch(&StdFs, DirPair { from: &from, to: &to }, some, &mut |_, result| {
                    kinds.push(result.err().map(|e| e.kind()));
                    ControlFlow::Continue(())
                });
            }
            assert_eq!(StdFs.read_dir(&to).unwrap().len(), COUNT - 3, "{mount}");
            assert_eq!(StdFs.read_to_vec(&to.join("there"), 9).unwrap(), b"y");
            said.push(kinds);
            StdFs.remove_dir_all(&to).unwrap();
        }
        let [small, large] = said.try_into().unwrap();
        assert_eq!(large, small, "{mount}");
        let refused: Vec<_> = (0..COUNT).filter(|&i| large[i].is_some()).collect();
        assert_eq!(refused, [7, 9, 12, 13], "{mount}");
        assert_eq!(large[12], Some(ErrorKind::AlreadyExists), "{mount}");
    }
}

#[test]
fn a_link_beyond_the_limit_of_the_filesystem_is_refused() {
    let dir = scratch(EXT4);
    StdFs.write_new(&dir.path().join("f"), b"x", SyncMode::Normal).unwrap();
    let names: Vec<_> = (0..66_000).map(|i| i.to_string()).collect();
    let pairs: Vec<_> = names.iter().map(|name| NamePair::new("f", name)).collect();
    let (mut made, mut refusal) = (0, None);
    hard_link_batch(&StdFs, DirPair { from: dir.path(), to: dir.path() }, &pairs, &mut |_, result| {
        match result {
            Ok(()) => {
                made += 1;
                ControlFlow::Continue(())
            }
            Err(e) => {
                refusal = Some(e);
                ControlFlow::Break(())
            }
        }
    });
    assert_eq!(made, 64_999, "ext4 allows 65,000 names");
    let refusal: Error = refusal.unwrap();
    assert_eq!((refusal.raw_os_error(), refusal.op()), (Some(errno::EMLINK), Op::HardLink), "{refusal}");
    assert!(refusal.allows_fallback());
    assert_eq!(refusal.other_path(), Some(dir.path().join("64999").as_path()));
    assert_eq!(StdFs.hard_link_count(&dir.path().join("f")).unwrap(), Some(65_000));
}

/// Fills the mount to the last byte. Returns the error at the end.
fn fill(dir: &Path) -> Error {
    let filler = StdFs.open(&dir.join("filler"), &NEW).unwrap();
    let write_until_refused = |piece: usize, start: u64| {
        let mut offset = start;
        loop {
            match filler.write_at(&vec![1; piece], offset) {
                Ok(()) => offset += piece as u64,
                Err(e) => return e,
            }
        }
    };
    write_until_refused(1 << 20, 0);
    write_until_refused(4096, 1 << 40)
}

#[test]
fn a_full_mount_keeps_its_files_and_errors_name_the_call() {
    let dir = scratch(FULL);
    let current = dir.path().join("current");
    let _ = StdFs.rewrite_atomic(&current, b"old", SyncMode::Normal).unwrap();
    let error = fill(dir.path());
    assert_eq!((error.op(), error.kind()), (Op::WriteAt, ErrorKind::StorageFull), "{error}");
    assert_eq!(error.path(), dir.path().join("filler"));
    let error = StdFs.rewrite_atomic(&current, &[7; 100_000], SyncMode::Normal).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert!(error.cleanup_failure().is_none(), "{error}");
    assert_eq!(StdFs.read_to_vec(&current, 9).unwrap(), b"old");
    let source = scratch(TMPFS);
    let (from, to) = (source.path().join("from"), dir.path().join("to"));
    StdFs.write_new(&from, &[3; 1 << 20], SyncMode::Normal).unwrap();
    let job = CopyJob { source: &StdFs, from: &from, to: &to, len: None };
    copy_batch(&StdFs, &[job, job], &CopyOptions::new(), &mut |_, result| {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::AlreadyExists), "{error}");
        ControlFlow::Continue(())
    });
    let names: Vec<_> = StdFs.read_dir(dir.path()).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["current", "filler"], "nothing of a failed call is left");
    assert!(StdFs.available_space(dir.path()).unwrap() < 64 << 10);
}

#[test]
fn a_read_only_mount_refuses_changes_and_allows_reads() {
    let dir = root(READ_ONLY).join("dir");
    let (file, new) = (dir.join("file"), dir.join("new"));
    assert!(StdFs.read_to_vec(&file, 99).unwrap().starts_with(b"content"));
    let refusals = [
        StdFs.open(&new, &NEW).map(drop),
        StdFs.open(&file, &FsOpenOptions::new().write(true)).map(drop),
        StdFs.create_dir(&new),
        StdFs.remove_file(&file),
        StdFs.remove_dir_all(&dir),
        StdFs.rename(&file, &new),
        StdFs.rename_noreplace(&file, &new),
        StdFs.hard_link(&file, &new),
        StdFs.reflink_file(&file, &new),
        StdFs.truncate_file(&file, 0),
        StdFs.punch_hole(&file, 0, 1),
        StdFs.rewrite_atomic(&new, b"x", SyncMode::Normal).map(drop),
        StdFs.create_dir_all(&new.join("below")),
    ];
    for (call, refused) in refusals.into_iter().enumerate() {
        let error = refused.expect_err(&format!("call {call}"));
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem, "call {call}: {error}");
        assert!(error.path().starts_with(&dir), "call {call}: {error}");
    }
    let names: Vec<_> = StdFs.read_dir(&dir).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["file"]);
}

#[test]
fn a_sparse_file_of_4_gib_is_copied_without_its_holes() {
    for variable in [EXT4, XFS, BTRFS, TMPFS] {
        let dir = scratch(variable);
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let len = (4_u64 << 30) + 123;
        let file = StdFs.open(&from, &NEW.read(true)).unwrap();
        file.set_len(len).unwrap();
        file.write_at(b"near the start", 100_000).unwrap();
        file.write_at(b"the end", len - 7).unwrap();
        for share in [true, false] {
            let _ = StdFs.remove_file(&to);
            let job = CopyJob { source: &StdFs, from: &from, to: &to, len: None };
            copy_batch(&StdFs, &[job], &CopyOptions::new().share_extents(share), &mut |_, result| {
                let copied = result.unwrap();
                assert_eq!(copied.len, len);
                assert!(copied.written_bytes < 1 << 20, "{variable}: {} bytes written", copied.written_bytes);
                ControlFlow::Continue(())
            });
        }
        let copy = StdFs.open(&to, &FsOpenOptions::new().read(true)).unwrap();
        let mut tail = [0; 16];
        assert_eq!(copy.read_at(&mut tail, len - 7).unwrap(), 7);
        assert!(tail.starts_with(b"the end"));
        assert!(copy.metadata().unwrap().allocated_bytes.unwrap() < 1 << 20, "{variable}");
    }
}

#[test]
fn a_copy_with_shared_extents_takes_no_space() {
    for variable in [XFS, BTRFS] {
        let dir = scratch(variable);
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        StdFs.write_new(&from, &vec![5; 64 << 20], SyncMode::Normal).unwrap();
        for share in [true, false] {
            let _ = StdFs.remove_file(&to);
            let job = CopyJob { source: &StdFs, from: &from, to: &to, len: None };
            copy_batch(&StdFs, &[job], &CopyOptions::new().share_extents(share), &mut |_, result| {
                assert_eq!(result.unwrap().len, 64 << 20);
                ControlFlow::Continue(())
            });
            let (shared, all) = extents(&to);
            assert!(all > 0, "{variable}: a copy without extents");
            assert_eq!(shared, if share { all } else { 0 }, "{variable}: shared of {all} extents");
        }
    }
}

/// Returns the number of shared extents of a file and of all its extents. The free space of the mount would include the
/// work of other tests.
fn extents(path: &Path) -> (usize, usize) {
    let output = std::process::Command::new("filefrag").arg("-v").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // A line is `0: 0..16383: 131..16514: 16384: last,shared,eof`, with blanks.
    let extents: Vec<_> = text.lines().filter(|line| line.contains("..")).collect();
    (extents.iter().filter(|line| line.contains("shared")).count(), extents.len())
}

/// Runs a test of this binary again with few descriptors.
fn with_few_descriptors(test: &str, variable: &str) {
    if std::env::var_os("LSM_FS_FEW_DESCRIPTORS").is_none() {
        // One limit is above the number of descriptors that the writers of a batch can hold, the other one below.
        for limit in ["24", "12"] {
            let status = std::process::Command::new("bash")
                .args(["-c", "ulimit -n $2 && exec \"$0\" --exact \"$1\" --nocapture"])
                .arg(std::env::current_exe().unwrap())
                .args([test, limit])
                .env("LSM_FS_FEW_DESCRIPTORS", "1")
                .status()
                .unwrap();
            assert!(status.success(), "with {limit} descriptors");
        }
        return;
    }
    let dir = scratch(variable);
    let names: Vec<_> = (0..200).map(|i| i.to_string()).collect();
    StdFs.create_dir(&dir.path().join("to")).unwrap();
    for name in &names {
        StdFs.write_new(&dir.path().join(name), b"x", SyncMode::Normal).unwrap();
    }
    let to = dir.path().join("to");
    let paths: Vec<_> =
        names.iter().map(|name| (dir.path().join(name), to.join(format!("copy-{name}")))).collect();
    let jobs: Vec<_> =
        paths.iter().map(|(from, to)| CopyJob { source: &StdFs, from, to, len: None }).collect();
    copy_batch(&StdFs, &jobs, &CopyOptions::new(), &mut |_, result| {
        result.unwrap();
        ControlFlow::Continue(())
    });
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    reflink_batch(
        &StdFs,
        DirPair { from: dir.path(), to: &to },
        &pairs,
        SyncMode::Normal,
        &mut |_, result| {
            result.unwrap();
            ControlFlow::Continue(())
        },
    );
    assert_eq!(StdFs.read_dir(&to).unwrap().len(), 400);
}

#[test]
fn batches_complete_with_few_descriptors() {
    with_few_descriptors("limits::batches_complete_with_few_descriptors", XFS);
}

#[test]
fn clones_of_a_batch_are_created_with_their_modes() {
    for volume in [XFS, BTRFS] {
        let dir = scratch(volume);
        StdFs.write_new(&dir.path().join("f"), b"x", SyncMode::Normal).unwrap();
        let modes = [Some(0o400), None, Some(0o700), Some(0o4500)];
        let names: Vec<_> = (0..modes.len()).map(|i| i.to_string()).collect();
        let pairs: Vec<_> = names.iter().map(|name| NamePair::new("f", name)).collect();
        let created_with = |index: usize| modes[index];
        let options = ReflinkOptions { created_with: Some(&created_with), ..ReflinkOptions::default() };
        let pair = DirPair { from: dir.path(), to: dir.path() };
        reflink_batch_with(&StdFs, pair, &pairs, &options, &mut |_, result| {
            result.unwrap();
            ControlFlow::Continue(())
        });
        let mode = |name| StdFs.metadata(&dir.path().join(name)).unwrap().permissions.unwrap().mode;
        // The umask takes no bit of the owner away.
        let found: Vec<_> = names.iter().map(mode).collect();
        assert_eq!(found, [0o400, 0o600, 0o700, 0o500], "{volume}");
    }
}

#[test]
fn a_panic_in_the_report_of_clones_ends_the_batch_and_resumes() {
    let dir = scratch(XFS);
    let names: Vec<_> = (0..1000).map(|i| i.to_string()).collect();
    let to = dir.path().join("to");
    StdFs.create_dir(&to).unwrap();
    for name in &names {
        StdFs.write_new(&dir.path().join(name), b"x", SyncMode::Normal).unwrap();
    }
    let pairs: Vec<_> = names.iter().map(NamePair::same).collect();
    let panic = std::panic::catch_unwind(|| {
        reflink_batch(
            &StdFs,
            DirPair { from: dir.path(), to: &to },
            &pairs,
            SyncMode::Normal,
            &mut |_, _| panic!("of the caller"),
        );
    });
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"of the caller"));
    assert!(StdFs.read_dir(&to).unwrap().len() < 1000, "the batch went on");
}

/// XFS refuses the direct transfers, because they are not aligned. One thread then disables direct I/O for the handle
/// while transfers of other threads are being refused.
#[test]
fn refused_direct_transfers_of_all_threads_are_repeated() {
    let dir = scratch(XFS);
    for round in 0..1_500 {
        let options = FsOpenOptions::new().write(true).create_new(true).direct_io(true);
        let file = StdFs.open(&dir.path().join(round.to_string()), &options).unwrap();
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (file, start) = (&file, &start);
                scope.spawn(move || {
                    start.wait();
                    file.write_at(&[5; 777], thread * 777).unwrap();
                });
            }
        });
    }
}
