//! A tour: every verb, each on a fresh copy of a repository. After a verb, all objects of the store are compared with
//! those before it, and after a restore, all files around its target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsm_checkpoint::{CATALOG_FILE, Checkpoint};
use lsm_checkpoint_store::{
    CheckReport, CollectOptions, Key, PushOptions, ReadOptions, Repository, Result, VerifyOptions,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use object_store::memory::InMemory;

use super::ends::{End, Ends};
use super::garden::{Garden, Objects, block_on, newest, open, read, stored};
use crate::proof::source::Source;

/// The client that goes on the tour. The clients of gardens have other numbers.
const TOURIST: u8 = 101;

#[derive(Clone, Copy, Debug)]
enum Verb {
    List,
    Check,
    Verify,
    /// Restores the backup of a source.
    Restore(usize),
    Collect,
    /// Pushes the third source.
    Push,
    /// Forgets the first backup.
    Forget,
}

/// A visit to a repository with these objects.
struct Visit<'a> {
    garden: &'a Garden,
    objects: &'a Objects,
}

impl Garden {
    /// Runs the tour, and asserts that the verbs end as expected. `what` describes the damage.
    pub(crate) fn assert_tour(&self, objects: &Objects, expected: &Ends, what: &str) {
        println!("{what}");
        self.tour(objects).assert_as(expected, what);
    }

    /// Runs each verb on a fresh copy of `objects`. Panics if a verb changes an object that it must leave, writes
    /// outside of its target, or returns a wrong result.
    pub(crate) fn tour(&self, objects: &Objects) -> Ends {
        let visit = Visit { garden: self, objects };
        block_on(async {
            let (collect, deleted) = visit.collect().await;
            let (push, pushed) = visit.push().await;
            Ends {
                list: visit.look(Verb::List).await,
                check: visit.look(Verb::Check).await,
                verify: visit.look(Verb::Verify).await,
                restore: [visit.look(Verb::Restore(0)).await, visit.look(Verb::Restore(1)).await],
                collect,
                deleted,
                push,
                pushed,
                forget: visit.forget().await,
            }
        })
    }
}

impl Visit<'_> {
    /// Runs a verb on a copy. Returns its end, and the objects after it.
    async fn run(&self, verb: Verb) -> (End, Objects) {
        let store = stored(self.objects).await;
        let end = match self.act(verb, &store).await {
            Ok(end) => end,
            Err(error) => End::of_error(&error),
        };
        (end, read(&store).await)
    }

    async fn act(&self, verb: Verb, store: &Arc<InMemory>) -> Result<End> {
        let repository = open(store, TOURIST).await?;
        match verb {
            Verb::List => {
                let (backups, status) = (repository.list().await?, repository.status().await?);
                let head = newest(self.objects);
                assert_eq!((backups, status.state), (head.backups, head.number));
            }
            Verb::Check => return Ok(self.audited(&repository.check().await?)),
            Verb::Verify => return Ok(self.audited(&repository.verify(&VerifyOptions::new()).await?)),
            Verb::Restore(at) => restore(&repository, &self.garden.sources[at]).await?,
            Verb::Collect => drop(repository.collect(&CollectOptions::new()).await?),
            Verb::Push => {
                let Source { fs, dir, .. } = self.garden.sources[2].clone();
                let pushed = repository.push(fs, &dir, &PushOptions::new()).await?;
                assert!(!pushed.was_there);
            }
            Verb::Forget => repository.forget(&[self.garden.sources[0].backup]).await?,
        }
        Ok(End::Sound)
    }

    fn audited(&self, report: &CheckReport) -> End {
        assert_eq!(report.backups, newest(self.objects).backups.len() as u64, "an audit leaves out a backup");
        End::of_report(report)
    }

    /// Runs a verb that changes nothing.
    async fn look(&self, verb: Verb) -> End {
        let (end, after) = self.run(verb).await;
        assert!(after == *self.objects, "{verb:?} has changed the store");
        end
    }

    /// Runs a collect, which only deletes, and deletes nothing before it fails. Returns the keys of deleted objects.
    async fn collect(&self) -> (End, Vec<String>) {
        let (end, after) = self.run(Verb::Collect).await;
        for (key, bytes) in &after {
            assert_eq!(self.objects.get(key), Some(bytes), "a collect has written {key}");
        }
        let deleted: Vec<_> = self.objects.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
        assert!(end == End::Sound || deleted.is_empty(), "{end:?}, but {deleted:?} were deleted");
        (end, deleted)
    }

    /// Runs a push, which adds a backup or nothing. Returns its end, and the end of a restore of the new backup.
    async fn push(&self) -> (End, End) {
        let (end, after) = self.run(Verb::Push).await;
        let added = self.added(&after);
        if end == End::Sound {
            let (head, next) = (newest(self.objects), newest(&after));
            let (states, others): (Vec<_>, Vec<_>) =
                added.into_iter().partition(|key| matches!(key, Key::Head(_)));
            assert_eq!(states, [Key::Head(head.number + 1), Key::Head(head.number + 2)]);
            assert!(others.iter().all(|key| key.object().is_some()), "{others:?}");
            let (new, old) = next.backups.split_last().unwrap();
            assert_eq!(new.id, self.garden.sources[2].backup);
            assert_eq!((old, next.writers), (head.backups.as_slice(), head.writers));
        } else {
            assert!(added.is_empty(), "{end:?}, but {added:?} were added");
        }
        let later = Visit { garden: self.garden, objects: &after };
        (end, later.look(Verb::Restore(2)).await)
    }

    /// Runs a forget, which adds a state or nothing.
    async fn forget(&self) -> End {
        let (end, after) = self.run(Verb::Forget).await;
        let added = self.added(&after);
        if end == End::Sound {
            let (head, next) = (newest(self.objects), newest(&after));
            assert_eq!(added, [Key::Head(head.number + 1)]);
            let first = self.garden.sources[0].backup;
            assert!(next.backup(first).is_none() && next.forgotten(first).is_some());
            assert_eq!(next.referenced().count(), head.referenced().count());
        } else {
            assert!(added.is_empty(), "{end:?}, but {added:?} were added");
        }
        end
    }

    /// Returns the keys of the objects that a verb has added. All others are as before.
    fn added(&self, after: &Objects) -> Vec<Key> {
        for (key, bytes) in self.objects {
            assert_eq!(after.get(key), Some(bytes), "{key} was deleted or changed");
        }
        let new = after.keys().filter(|key| !self.objects.contains_key(*key));
        new.map(|key| Key::parse(key).unwrap()).collect()
    }
}

/// Restores a backup beside other files. They stay as they are, and no others appear. After a failure there is no
/// target, and otherwise it has the files of the source.
async fn restore(repository: &Repository, source: &Source) -> Result<()> {
    let files = repository.files(source.backup, &ReadOptions::new()).await?;
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let target = Path::new("/home/live");
    for dir in ["/etc", "/home/live.old"] {
        fs.create_dir_all(Path::new(dir)).unwrap();
    }
    for file in ["/etc/passwd", "/home/out", "/home/live.old/CURRENT"] {
        fs.write_new(Path::new(file), b"mine", SyncMode::Normal).unwrap();
    }
    let around = tree(&*fs, Path::new("/"));
    let restored = files.restore(&fs, target, &Checkpoint::new());
    let after = tree(&*fs, Path::new("/")).into_iter();
    let (inside, outside): (BTreeMap<_, _>, BTreeMap<_, _>) =
        after.partition(|(path, _)| path.starts_with(target));
    assert_eq!(outside, around, "a restore has changed something beside its target");
    if let Err(error) = restored {
        assert!(inside.is_empty(), "{error}, but the target is there: {inside:?}");
        return Err(error);
    }
    let mut wanted = files_in(&*source.fs, &source.dir);
    // A live directory has no catalog.
    wanted.remove(Path::new(CATALOG_FILE));
    assert_eq!(files_in(&*fs, target), wanted, "a restore has made other files");
    Ok(())
}

/// Returns all names below a directory, with the bytes of files.
fn tree(fs: &dyn Fs, dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs.read_dir(dir).unwrap() {
        let path = dir.join(&entry.name);
        let bytes = (!entry.file_type.is_dir()).then(|| fs.read_to_vec(&path, 1 << 20).unwrap());
        if bytes.is_none() {
            found.append(&mut tree(fs, &path));
        }
        found.insert(path, bytes);
    }
    found
}

/// Returns the files below a directory, by their path in it.
fn files_in(fs: &dyn Fs, dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = tree(fs, dir).into_iter();
    found.filter_map(|(path, bytes)| Some((path.strip_prefix(dir).ok()?.to_owned(), bytes?))).collect()
}
