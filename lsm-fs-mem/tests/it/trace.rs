//! `TraceFs` prints the calls that were made.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::Path,
};

use lsm_fs::{
    CopyJob, CopyOptions, DirPair, FileHint, Fs, FsExt, FsFile, FsOpenOptions, NamePair, Op, ReadRequest,
    SyncMode,
    batch::{hard_link_batch, reflink_batch, sync_batch},
    copy::copy_batch,
};
use lsm_fs_mem::{Fault, FaultFs, TraceFs};

use crate::backends::{Backend, each};

fn each_traced(test: impl Fn(&TraceFs<Backend>, &Path)) {
    each(|fresh, root| test(&TraceFs::new(fresh()).relative_to(root), root));
}

#[test]
fn rewrite_atomic() {
    each_traced(|fs, root| {
        let _ = fs.rewrite_atomic(&root.join("current"), b"v7", SyncMode::Full).unwrap();
        let expected = "\
open .current.tmp-0 write create_new -> #1
write_at #1 .current.tmp-0 0+2
sync_all #1 .current.tmp-0 full
rename .current.tmp-0 -> current
sync_directory . full = durable
";
        assert_eq!(fs.text(), expected);
        assert_eq!(fs.to_string(), expected);
    });
}

#[test]
fn rewrite_atomic_whose_rename_fails() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        faulty.inject(Fault::on(Op::Rename));
        let fs = TraceFs::new(faulty).relative_to(root);
        assert!(fs.rewrite_atomic(&root.join("current"), b"v7", SyncMode::Normal).is_err());
        let expected = "\
open .current.tmp-0 write create_new -> #1
write_at #1 .current.tmp-0 0+2
sync_all #1 .current.tmp-0 normal
rename .current.tmp-0 -> current ! EIO
remove_file .current.tmp-0
";
        assert_eq!(fs.take(), expected);
        assert_eq!(fs.text(), "");
    });
}

#[test]
fn create_dir_all_durable() {
    each_traced(|fs, root| {
        let _ = fs.create_dir_all_durable(root, Path::new("a/b"), SyncMode::Normal).unwrap();
        let expected = "\
metadata a/b ! ENOENT
metadata a ! ENOENT
metadata . = directory
create_dir a
create_dir a/b
sync_directory a normal = durable
sync_directory . normal = durable
";
        assert_eq!(fs.take(), expected);
    });
}

#[test]
fn every_method_of_a_filesystem() {
    each_traced(|fs, root| {
        let (a, b, d) = (&root.join("a"), &root.join("b"), &root.join("d"));
        fs.create_dir(d).unwrap();
        drop(fs.open(a, &FsOpenOptions::new().append(true).create(true)).unwrap());
        assert_eq!(fs.read_dir(root).unwrap().len(), 2);
        fs.metadata(a).unwrap();
        fs.symlink_metadata(d).unwrap();
        fs.truncate_file(a, 8192).unwrap();
        let _ = fs.punch_hole(a, 0, 4096);
        let attributes = fs.abilities().unwrap().attributes().unwrap();
        let _ = attributes.try_disable_cow(b);
        fs.hard_link(a, b).unwrap();
        fs.remove_file(b).unwrap();
        fs.rename(a, b).unwrap();
        let _ = fs.reflink_file(root, b);
        fs.volume_id(root).unwrap();
        fs.available_space(root).unwrap();
        fs.capabilities(root).unwrap();
        let view = fs.beneath(d).unwrap();
        view.metadata(&d.join("f")).unwrap_err();
        view.beneath(b).unwrap_err();
        let lock = fs.try_lock_directory(d).unwrap().unwrap();
        assert!(lock.is_at(d).unwrap() && !lock.is_at(root).unwrap());
        assert!(fs.try_lock_directory(d).unwrap().is_none());
        fs.remove_dir(d).unwrap();
        fs.remove_dir_all(d).unwrap_err();
        // The results of these two calls depend on the mount.
        let stable = |line: &&str| !line.starts_with("punch_hole") && !line.starts_with("reflink_file");
        let expected = "\
create_dir d
open a append create -> #1
read_dir . = 2 names
metadata a = file 0
symlink_metadata d = directory
truncate_file a 8192
try_disable_cow b ! ENOENT
hard_link a -> b
remove_file b
rename a -> b
volume_id .
available_space .
capabilities .
beneath d
metadata d/f ! ENOENT
beneath b ! ENOTDIR
try_lock_directory d = true
is_at d = true
is_at . = false
try_lock_directory d = false
remove_dir d
remove_dir_all d ! ENOENT";
        let text = fs.take();
        assert_eq!(text.lines().filter(stable).collect::<Vec<_>>().join("\n"), expected);
        assert!(
            text.contains("\npunch_hole a 0+4096") && text.contains("\nreflink_file . -> b ! "),
            "{text}"
        );
        // On a mount without this operation, the line ends in an error.
        let renamed = fs.rename_noreplace(b, a);
        assert_eq!(fs.take().starts_with("rename_noreplace b -> a\n"), renamed.is_ok());
    });
}

#[test]
fn every_method_of_a_file() {
    each_traced(|fs, root| {
        let options = FsOpenOptions::new().read(true).write(true).create_new(true);
        let mut file = fs.open(&root.join("f"), &options).unwrap();
        file.write_all(b"abc").unwrap();
        file.write_at(b"defg", 3).unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        assert_eq!(file.read(&mut [0; 10]).unwrap(), 6);
        assert_eq!(file.read_at(&mut [0; 10], 6).unwrap(), 1);
        file.read_many(&mut [ReadRequest::new(0, &mut [0; 2]), ReadRequest::new(7, &mut [0; 2])]).unwrap();
        file.start_writeback(0, 7).unwrap();
        file.hint(FileHint::Random).unwrap();
        file.set_len(5).unwrap();
        file.metadata().unwrap();
        file.next_data(5).unwrap();
        assert!(file.try_lock_exclusive().unwrap());
        file.sync_data(SyncMode::Normal).unwrap();
        file.sync_all(SyncMode::Full).unwrap();
        file.flush().unwrap();
        let expected = "\
open f read write create_new -> #1
write #1 f 3 = 3
write_at #1 f 3+4
seek #1 f start 1 = 1
read #1 f 10 = 6
read_at #1 f 6+10 = 1
read_at #1 f 0+2 = 2
read_at #1 f 7+2 = 0
start_writeback #1 f 0+7
hint #1 f random
set_len #1 f 5
metadata #1 f = file 5
next_data #1 f 5 = none
try_lock_exclusive #1 f = true
sync_data #1 f normal
sync_all #1 f full
";
        assert_eq!(fs.take(), expected);
    });
}

#[test]
fn a_batch_is_recorded_as_single_calls() {
    each_traced(|fs, root| {
        let (from, to) = (root.join("from"), root.join("to"));
        fs.create_dir(&from).unwrap();
        fs.create_dir(&to).unwrap();
        fs.write_new(&from.join("a"), b"bytes", SyncMode::Normal).unwrap();
        fs.take();
        let names = [NamePair::new("a", "b"), NamePair::new("missing", "c")];
        hard_link_batch(fs, DirPair { from: &from, to: &to }, &names, &mut |_, _| ControlFlow::Continue(()));
        assert_eq!(fs.take(), "hard_link from/a -> to/b\nhard_link from/missing -> to/c ! ENOENT\n");

        let one = fs.open(&from.join("a"), &FsOpenOptions::new().write(true)).unwrap();
        fs.take();
        sync_batch(fs, &[&*one, &*one], SyncMode::Normal, &mut |_, synced| synced.unwrap());
        assert_eq!(fs.take(), "sync_all #2 from/a normal\nsync_all #2 from/a normal\n");

        let (source, copy) = (from.join("a"), to.join("copy"));
        let job = CopyJob { source: fs.inner(), from: &source, to: &copy, len: None };
        copy_batch(fs, &[job], &CopyOptions::new(), &mut |_, copied| {
            copied.unwrap();
            ControlFlow::Continue(())
        });
        let expected = "\
open to/copy write create_new -> #3
write_at #3 to/copy 0+5
start_writeback #3 to/copy 0+5
sync_all #3 to/copy normal
";
        assert_eq!(fs.take(), expected);

        reflink_batch(
            fs,
            DirPair { from: &from, to: &to },
            &[NamePair::new("a", "r")],
            SyncMode::Normal,
            &mut |_, _| ControlFlow::Continue(()),
        );
        let text = fs.take();
        let cloned = "\
reflink_file from/a -> to/r
open to/r write -> #4
sync_all #4 to/r normal
";
        assert!(text == cloned || text.starts_with("reflink_file from/a -> to/r ! "), "{text}");
    });
}

#[test]
fn only_changes_leaves_out_reads() {
    each(|fresh, root| {
        let fs = TraceFs::new(fresh()).relative_to(root).only_changes();
        let f = root.join("f");
        fs.write_new(&f, b"abc", SyncMode::Normal).unwrap();
        assert_eq!(fs.read_to_vec(&f, 10).unwrap(), b"abc");
        fs.metadata(&f).unwrap();
        let lock = fs.try_lock_directory(root).unwrap();
        assert!(lock.unwrap().is_at(root).unwrap());
        // The handle gets its number when it first matters, not when it is opened for reading.
        let file = fs.open(&f, &FsOpenOptions::new().read(true)).unwrap();
        file.read_at(&mut [0; 3], 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
        drop(fs.open(&f, &FsOpenOptions::new().write(true)).unwrap());
        fs.remove_file(&root.join("g")).unwrap_err();
        let expected = "\
open f write create_new -> #1
write_at #1 f 0+3
sync_all #1 f normal
try_lock_directory . = true
sync_all #2 f normal
open f write -> #3
remove_file g ! ENOENT
";
        assert_eq!(fs.take(), expected);
    });
}

#[test]
fn notes_are_lines_between_the_calls() {
    each_traced(|fs, root| {
        fs.note("begin");
        fs.clone().create_dir(&root.join("a b")).unwrap();
        fs.note("two\nlines");
        assert_eq!(fs.take(), "-- begin\ncreate_dir \"a b\"\n-- two lines\n");
    });
}

#[test]
fn a_poisoned_call_is_marked() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        faulty.inject(Fault::on(Op::SyncAll));
        let fs = TraceFs::new(faulty).relative_to(root);
        let mut file = fs.open(&root.join("f"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        file.sync_all(SyncMode::Normal).unwrap_err();
        file.sync_all(SyncMode::Normal).unwrap_err();
        file.write_all(b"x").unwrap_err();
        let text = fs.take();
        let expected = "\
sync_all #1 f normal ! EIO
sync_all #1 f normal ! EIO poisoned
write #1 f 1 ! EIO poisoned
";
        assert_eq!(text.split_once('\n').unwrap().1, expected);
    });
}
