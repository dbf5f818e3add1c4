//! The account on backends without inode ids or directory syncs.

use std::{io, ops::ControlFlow, path::Path};

use lsm_fs::{
    DirPair, DirectorySync, Fs, FsFile, FsOpenOptions, NamePair, Op, Result, SyncMode,
    batch::{hard_link_batch, sync_batch},
    errno,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use lsm_fs_mem::DurabilityAudit;

use super::{create, put, sync_dir, undurable};
use crate::backends::{Backend, each};

/// A backend that does not provide inode ids or cannot sync directories.
type Lacking = InterceptFs<Backend, Lacks>;

#[derive(Debug)]
struct Lacks {
    inner: Backend,
    ids: bool,
    directory_syncs: bool,
    /// Removals of trees fail after the first file.
    tree_removals: bool,
}

impl Lacks {
    fn nothing(inner: &Backend) -> Self {
        Self { inner: inner.clone(), ids: false, directory_syncs: false, tree_removals: false }
    }
}

impl Interceptor for Lacks {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        if self.tree_removals && call.op == Op::RemoveDirAll {
            let first = self.inner.read_dir(call.path)?.into_iter().next().unwrap();
            self.inner.remove_file(&call.path.join(first.name))?;
            return Err(call.error(io::Error::from_raw_os_error(errno::EIO)));
        }
        let mut result = run()?;
        if let Some(metadata) = result.metadata().filter(|_| self.ids) {
            metadata.file_id = None;
        }
        if let Some(synced) = result.directory_sync().filter(|_| self.directory_syncs) {
            *synced = DirectorySync::NotSupported;
        }
        Ok(result)
    }
}

fn without_ids(test: impl Fn(&DurabilityAudit<Lacking>, &Path)) {
    each(|fresh, root| {
        let inner = fresh();
        let lacks = Lacks { ids: true, ..Lacks::nothing(&inner) };
        test(&DurabilityAudit::new(InterceptFs::new(inner, lacks), root), root);
    });
}

#[test]
fn a_directory_sync_that_does_nothing_makes_nothing_durable() {
    each(|fresh, root| {
        let inner = fresh();
        let lacks = Lacks { directory_syncs: true, ..Lacks::nothing(&inner) };
        let fs = DurabilityAudit::new(InterceptFs::new(inner, lacks), root);
        put(&fs, &root.join("f"));
        sync_dir(&fs, root);
        assert_eq!(undurable(&fs, root, root), ["f: Name"]);
    });
}

#[test]
fn a_partial_removal_of_a_tree_is_tracked() {
    each(|fresh, root| {
        let inner = fresh();
        let lacks = Lacks { tree_removals: true, ..Lacks::nothing(&inner) };
        let fs = DurabilityAudit::new(InterceptFs::new(inner, lacks), root);
        fs.create_dir(&root.join("tree")).unwrap();
        put(&fs, &root.join("tree/a"));
        put(&fs, &root.join("tree/b"));
        sync_dir(&fs, &root.join("tree"));
        sync_dir(&fs, root);
        fs.remove_dir_all(&root.join("tree")).unwrap_err();
        assert_eq!(undurable(&fs, root, root), ["tree/a: Removal"]);
    });
}

#[test]
fn batches_do_not_bypass_the_audit() {
    each(|fresh, root| {
        let fs = DurabilityAudit::new(fresh(), root);
        let file = create(&fs, &root.join("f"));
        file.write_at(b"x", 0).unwrap();
        sync_batch(&fs, &[&*file], SyncMode::Normal, &mut |_, synced| synced.unwrap());
        let dirs = DirPair { from: root, to: root };
        hard_link_batch(&fs, dirs, &[NamePair::new("f", "g")], &mut |_, linked| {
            linked.unwrap();
            ControlFlow::Continue(())
        });
        assert_eq!(undurable(&fs, root, root), ["f: Name", "g: Name"]);
    });
}

#[test]
fn links_are_tracked_by_path() {
    without_ids(|fs, root| {
        let (f, sub) = (root.join("f"), root.join("sub"));
        fs.create_dir(&sub).unwrap();
        let file = create(fs, &f);
        file.write_at(b"x", 0).unwrap();
        sync_dir(fs, root);
        fs.hard_link(&f, &sub.join("g")).unwrap();
        assert_eq!(undurable(fs, root, root), ["f: Content", "sub/g: Content", "sub/g: Name"]);
        sync_dir(fs, &sub);
        let g = fs.open(&sub.join("g"), &FsOpenOptions::new().write(true)).unwrap();
        g.sync_all(SyncMode::Normal).unwrap();
        assert_eq!(undurable(fs, root, root), [""; 0]);
    });
}

#[test]
fn renames_are_tracked_by_path() {
    without_ids(|fs, root| {
        let (s, t) = (root.join("s"), root.join("t"));
        fs.create_dir(&s).unwrap();
        sync_dir(fs, root);
        put(fs, &s.join("f"));
        let open = create(fs, &s.join("open"));
        fs.rename(&s, &t).unwrap();
        open.write_at(b"x", 0).unwrap();
        let expected = ["s: Removal", "t: Name", "t/f: Name", "t/open: Content", "t/open: Name"];
        assert_eq!(undurable(fs, root, root), expected);
        open.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, &t);
        sync_dir(fs, root);
        fs.assert_durable(root);
        // The old name can be used again.
        fs.create_dir(&s).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_replaced_file_differs_from_its_replacement() {
    without_ids(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        create(fs, &a).write_at(b"x", 0).unwrap();
        put(fs, &b);
        fs.rename(&b, &a).unwrap();
        assert_eq!(undurable(fs, root, root), ["a: Name", "b: Removal"]);
        fs.remove_file(&a).unwrap();
        let open = create(fs, &a);
        fs.remove_file(&a).unwrap();
        drop(create(fs, &a));
        open.write_at(b"x", 0).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}
