//! Views of the wrappers and of `MemFs`: a call on a view is a call on the viewed filesystem.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFileType, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{DurabilityAudit, Fault, FaultFs, MemFs, SpecialFile, Survives, TraceFs};

use crate::backends::each;

const READ: FsOpenOptions = FsOpenOptions::new().read(true);

#[test]
fn a_fault_strikes_calls_of_a_view_and_of_a_view_of_it() {
    each(|fresh, root| {
        let fs = FaultFs::new(fresh());
        fs.write_new(&root.join("f"), b"x", SyncMode::Normal).unwrap();
        let view = fs.beneath(root).unwrap();
        let inner = view.beneath(root).unwrap();
        fs.inject(Fault::on(Op::Open).from_nth(1).before(errno::EIO));
        for view in [&view, &inner] {
            let refused = view.open(&root.join("f"), &READ).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(errno::EIO));
        }
        assert_eq!((fs.count(Op::Beneath), fs.injected().len()), (2, 2));
    });
}

#[test]
fn a_view_itself_can_be_refused() {
    each(|fresh, root| {
        let fs = FaultFs::new(fresh());
        fs.inject(Fault::on(Op::Beneath).nth(1).before(errno::EMFILE));
        let refused = fs.beneath(root).unwrap_err();
        assert_eq!((refused.op(), refused.path()), (Op::Beneath, root));
        assert!(refused.is_out_of_handles());
        fs.beneath(root).unwrap();
    });
}

#[test]
fn files_and_locks_of_a_view_are_intercepted() {
    each(|fresh, root| {
        let fs = TraceFs::new(fresh()).relative_to(root);
        fs.create_dir(&root.join("d")).unwrap();
        fs.take();
        let view = fs.beneath(&root.join("d")).unwrap();
        let file = view.open(&root.join("d/f"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        let lock = view.try_lock_directory(&root.join("d")).unwrap().unwrap();
        drop(view);
        file.write_at(b"abc", 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
        assert!(lock.is_at(&root.join("d")).unwrap());
        let expected = "\
beneath d
open d/f write create_new -> #1
try_lock_directory d = true
write_at #1 d/f 0+3
sync_all #1 d/f normal
is_at d = true
";
        assert_eq!(fs.take(), expected);
    });
}

#[test]
fn an_audit_tracks_calls_of_a_view() {
    each(|fresh, root| {
        let fs = DurabilityAudit::new(fresh(), root);
        let view = fs.beneath(root).unwrap();
        view.open(&root.join("f"), &FsOpenOptions::new().write(true).create_new(true)).unwrap();
        assert_eq!(fs.undurable(root).unwrap().len(), 1);
        let _ = view.sync_directory(root, SyncMode::Normal).unwrap();
        fs.assert_durable(root);
    });
}

#[test]
fn a_removed_root_is_empty_and_accepts_no_names() {
    each(|fresh, root| {
        let (fs, d) = (fresh(), root.join("d"));
        fs.create_dir(&d).unwrap();
        let view = fs.beneath(&d).unwrap();
        fs.remove_dir(&d).unwrap();
        fs.create_dir(&d).unwrap();
        fs.write_new(&d.join("f"), b"x", SyncMode::Normal).unwrap();
        let refused = view.open(&d.join("f"), &READ).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(errno::ENOENT));
        assert_eq!(view.create_dir(&d.join("new")).unwrap_err().raw_os_error(), Some(errno::ENOENT));
        assert_eq!(view.read_dir(&d).unwrap(), []);
        drop(view);
        assert_eq!(fs.read_dir(&d).unwrap().len(), 1);
    });
}

/// A view is valid as long as its machine runs. The inode of its root is released with the last view.
#[test]
fn a_crash_ends_a_view() {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/d")).unwrap();
    fs.settle();
    let view = fs.beneath(Path::new("/d")).unwrap();
    let rebooted = fs.crash(Survives::Forced);
    assert_eq!(view.read_dir(Path::new("/d")).unwrap_err().raw_os_error(), Some(errno::EIO));
    assert_eq!(rebooted.read_dir(Path::new("/d")).unwrap(), []);
}

#[test]
fn a_special_node_survives_like_an_empty_file() {
    for (name, expected) in [("link", FsFileType::Symlink), ("pipe", FsFileType::Other)] {
        let fs = MemFs::new();
        let path = Path::new("/").join(name);
        if name == "link" {
            fs.make_symlink("nowhere", &path).unwrap();
        } else {
            fs.make_special(&path, SpecialFile::Pipe).unwrap();
        }
        assert_eq!(fs.fork().symlink_metadata(&path).unwrap().file_type, expected);
        let lost = fs.fork().crash(Survives::Forced);
        assert_eq!(lost.symlink_metadata(&path).unwrap_err().raw_os_error(), Some(errno::ENOENT));
        let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal).unwrap();
        let kept = fs.crash(Survives::Forced);
        assert_eq!(kept.symlink_metadata(&path).unwrap().file_type, expected);
    }
}

#[test]
fn symbolic_links_resolve_as_on_linux() {
    let fs = MemFs::new();
    for dir in ["/a", "/a/b"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    fs.write_new(Path::new("/a/f"), b"x", SyncMode::Normal).unwrap();
    for (target, link) in [
        ("../f", "/a/b/up"),
        ("/a/b", "/dir"),
        ("/dir/up", "/far"),
        ("loop-2", "/loop-1"),
        ("loop-1", "/loop-2"),
        ("nowhere", "/dangling"),
        ("f/x", "/a/through-file"),
    ] {
        fs.make_symlink(target, Path::new(link)).unwrap();
    }
    for path in ["/a/b/up", "/dir/up", "/far", "/dir/../f", "/dir/./up"] {
        assert_eq!(fs.read_to_vec(Path::new(path), 10).unwrap(), b"x", "{path}");
    }
    for (path, code) in [
        ("/loop-1", errno::ELOOP),
        ("/loop-1/x", errno::ELOOP),
        ("/dangling", errno::ENOENT),
        ("/far/x", errno::ENOTDIR),
        ("/far/", errno::ENOTDIR),
        ("/a/through-file", errno::ENOTDIR),
    ] {
        assert_eq!(fs.metadata(Path::new(path)).unwrap_err().raw_os_error(), Some(code), "{path}");
    }
    let dir_link = Path::new("/dir");
    assert_eq!(fs.remove_dir_all(dir_link).unwrap_err().raw_os_error(), Some(errno::ENOTDIR));
    assert_eq!(fs.remove_dir(dir_link).unwrap_err().raw_os_error(), Some(errno::ENOTDIR));
    fs.hard_link(dir_link, Path::new("/second")).unwrap();
    fs.remove_file(dir_link).unwrap();
    assert_eq!(fs.symlink_metadata(Path::new("/second")).unwrap().file_type, FsFileType::Symlink);
    assert_eq!(fs.read_to_vec(Path::new("/second/up"), 10).unwrap(), b"x");
}
