//! The effects of failed calls, and the messages that report them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lsm_fs::{Fs, FsExt, FsOpenOptions, Op, SyncMode, errno};
use lsm_fs_mem::{DurabilityAudit, Fault, FaultFs};

use super::{create, each_audited, put, sync_dir, undurable};
use crate::backends::each;

const NONE: [&str; 0] = [];

#[test]
fn a_second_sync_does_not_restore_lost_bytes() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        faulty.inject(Fault::on(Op::SyncAll).nth(1));
        let fs = DurabilityAudit::new(faulty, root);
        let path = root.join("f");
        let file = create(&fs, &path);
        sync_dir(&fs, root);
        file.write_at(b"x", 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap_err();
        assert_eq!(undurable(&fs, root, root), ["f: LostContent"]);
        let again = fs.open(&path, &FsOpenOptions::new().write(true)).unwrap();
        again.sync_all(SyncMode::Normal).unwrap();
        again.write_at(b"y", 0).unwrap();
        again.sync_all(SyncMode::Normal).unwrap();
        assert_eq!(undurable(&fs, root, root), ["f: LostContent"]);
        let _ = fs.rewrite_atomic(&path, b"y", SyncMode::Normal).unwrap();
        fs.assert_durable(root);
    });
}

#[test]
fn a_failed_sync_of_a_clean_file_loses_nothing() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        let fs = DurabilityAudit::new(faulty.clone(), root);
        put(&fs, &root.join("f"));
        sync_dir(&fs, root);
        faulty.inject(Fault::on(Op::SyncAll));
        let file = fs.open(&root.join("f"), &FsOpenOptions::new().write(true)).unwrap();
        file.sync_all(SyncMode::Normal).unwrap_err();
        fs.assert_durable(root);
    });
}

#[test]
fn an_interrupted_sync_loses_nothing_and_makes_nothing_durable() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        for op in [Op::SyncAll, Op::SyncDirectory] {
            faulty.inject(Fault::on(op).before(errno::EINTR));
        }
        let fs = DurabilityAudit::new(faulty, root);
        let file = create(&fs, &root.join("f"));
        file.write_at(b"x", 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap_err();
        fs.sync_directory(root, SyncMode::Normal).unwrap_err();
        assert_eq!(undurable(&fs, root, root), ["f: Content", "f: Name"]);
        file.sync_all(SyncMode::Normal).unwrap();
        sync_dir(&fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn names_lost_by_a_failed_sync_must_be_bound_again() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        let fs = DurabilityAudit::new(faulty.clone(), root);
        put(&fs, &root.join("gone"));
        sync_dir(&fs, root);
        put(&fs, &root.join("f"));
        fs.remove_file(&root.join("gone")).unwrap();
        faulty.inject(Fault::on(Op::SyncDirectory).after(errno::EIO));
        fs.sync_directory(root, SyncMode::Normal).unwrap_err();
        sync_dir(&fs, root);
        assert_eq!(undurable(&fs, root, root), ["f: LostName", "gone: LostRemoval"]);
        fs.rename(&root.join("f"), &root.join("gone")).unwrap();
        sync_dir(&fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_call_that_fails_after_its_effect_is_tracked() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        let fs = DurabilityAudit::new(faulty.clone(), root);
        put(&fs, &root.join("f"));
        fs.create_dir(&root.join("tree")).unwrap();
        put(&fs, &root.join("tree/f"));
        sync_dir(&fs, root);
        sync_dir(&fs, &root.join("tree"));
        for op in [Op::HardLink, Op::RemoveDirAll, Op::WriteAt] {
            faulty.inject(Fault::on(op).after(errno::EIO));
        }
        fs.hard_link(&root.join("f"), &root.join("g")).unwrap_err();
        fs.remove_dir_all(&root.join("tree")).unwrap_err();
        let file = fs.open(&root.join("f"), &FsOpenOptions::new().write(true)).unwrap();
        file.write_at(b"x", 0).unwrap_err();
        let expected = ["f: Content", "g: Content", "g: Name", "tree: Removal"];
        assert_eq!(undurable(&fs, root, root), expected);
        // A call that is refused before its effect changes nothing.
        faulty.inject(Fault::on(Op::CreateDir));
        fs.create_dir(&root.join("d")).unwrap_err();
        assert_eq!(undurable(&fs, root, root), expected);
    });
}

#[test]
fn the_assertion_lists_every_undurable_part() {
    each_audited(|fs, root| {
        let file = create(fs, &root.join("f"));
        file.write_at(b"x", 0).unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| fs.assert_durable(root))).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        let f = root.join("f");
        let f = f.display();
        let expected = format!(
            "{} is not durable: {f}: its content is not synced; \
             {f}: its name is not durable, because the directory is not synced",
            root.display()
        );
        assert_eq!(*message, expected);
        assert!(catch_unwind(AssertUnwindSafe(|| fs.assert_durable(&root.join("no")))).is_err());
        file.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, root);
        assert_eq!(undurable(fs, root, root), NONE);
    });
}
