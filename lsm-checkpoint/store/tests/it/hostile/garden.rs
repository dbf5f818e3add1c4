//! A repository in memory that a test can damage, and every operation on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use lsm_checkpoint::{CheckpointDir, restore};
use lsm_checkpoint_store::proof::{Head, Rules};
use lsm_checkpoint_store::{
    CollectOptions, Key, Location, PushOptions, ReadOptions, Repository, Result, VerifyOptions,
};
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::MemFs;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::proof::environment::options;
use crate::proof::source::{Source, checkpoint};

/// The objects of a repository by key.
pub(crate) type Objects = BTreeMap<String, Bytes>;

/// A repository with two backups that share a table.
pub(crate) struct Garden {
    pub(crate) objects: Objects,
    pub(crate) first: Source,
    pub(crate) second: Source,
    pub(crate) third: Source,
}

/// The result of one operation.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verb: &'static str,
    /// The message of the error.
    pub(crate) error: Option<String>,
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn location(store: &Arc<InMemory>) -> Location {
    Location::of_store(Arc::clone(store) as Arc<dyn ObjectStore>, "")
}

async fn open(store: &Arc<InMemory>, client: u8) -> Result<Repository> {
    Repository::open(location(store), options(client, 128, Rules::ALL)).await
}

impl Garden {
    /// Makes a repository. Another `salt` makes another one.
    pub(crate) fn new(salt: u8) -> Self {
        let first = checkpoint("db", 1, &[b"shared", b"one"]);
        let second = checkpoint("db", 2, &[b"shared", b"two"]);
        let third = checkpoint("db", 3, &[b"shared", b"three"]);
        let store = Arc::new(InMemory::new());
        let objects = block_on(async {
            Repository::init(location(&store), options(salt, 128, Rules::ALL)).await.unwrap();
            for (client, source) in [(salt + 1, &first), (salt + 2, &second)] {
                let repository = open(&store, client).await.unwrap();
                repository.push(Arc::clone(&source.fs), &source.dir, &PushOptions::new()).await.unwrap();
            }
            read(&store).await
        });
        Self { objects, first, second, third }
    }

    /// Returns the key and the content of the newest state before any damage.
    pub(crate) fn head(&self) -> (String, Head) {
        let heads = self.objects.iter().filter_map(|(key, bytes)| match Key::parse(key) {
            Some(Key::Head(number)) => Some((number, key, bytes)),
            _ => None,
        });
        let (number, key, bytes) = heads.max().unwrap();
        (key.clone(), Head::decode(number, bytes.to_vec()).unwrap())
    }

    /// Runs every operation on `objects`, and returns the outcomes. Panics if a promise is broken.
    pub(crate) fn tour(&self, objects: &Objects) -> Vec<Outcome> {
        // An object under a new name is garbage, so a collect may delete it.
        let is_object = |key: &str| matches!(Key::parse(key), Some(Key::Data(_) | Key::Catalog(_)));
        self.visit(objects, |key| self.objects.contains_key(key) || !is_object(key))
    }

    /// As [`tour`](Self::tour), for states and catalogs that are well formed and reference none of the data.
    pub(crate) fn tour_of_lies(&self, objects: &Objects) -> Vec<Outcome> {
        self.visit(objects, |key| !key.starts_with("data/"))
    }

    /// `stays` returns `true` for objects that a collect must leave.
    fn visit(&self, objects: &Objects, stays: impl Fn(&str) -> bool) -> Vec<Outcome> {
        block_on(async {
            let store = Arc::new(InMemory::new());
            for (key, bytes) in objects {
                store.put(&StorePath::parse(key).unwrap(), bytes.clone().into()).await.unwrap();
            }
            let mut outcomes = Vec::new();
            let mut note = |verb, error: Option<String>| outcomes.push(Outcome { verb, error });
            note("list", self.list(&store).await.err().map(words));
            note("check", self.check(&store).await.err().map(words));
            note("verify", self.verify(&store).await.err().map(words));
            for source in [&self.first, &self.second] {
                note("restore", self.restore(&store, source).await.err());
            }
            note("collect", self.collect(&store).await.err().map(words));
            let left = read(&store).await;
            for (key, bytes) in objects.iter().filter(|(key, _)| stays(key)) {
                assert_eq!(left.get(key), Some(bytes), "{key} was deleted or changed");
            }
            note("push", self.push(&store).await.err().map(words));
            note("forget", self.forget(&store).await.err().map(words));
            outcomes
        })
    }

    async fn list(&self, store: &Arc<InMemory>) -> Result<()> {
        let repository = open(store, 101).await?;
        repository.list().await?;
        repository.status().await.map(drop)
    }

    async fn check(&self, store: &Arc<InMemory>) -> Result<()> {
        open(store, 102).await?.check().await.map(drop)
    }

    async fn verify(&self, store: &Arc<InMemory>) -> Result<()> {
        open(store, 103).await?.verify(&VerifyOptions::new()).await.map(drop)
    }

    async fn collect(&self, store: &Arc<InMemory>) -> Result<()> {
        let options = CollectOptions::new().grace(Duration::from_secs(3600));
        open(store, 104).await?.collect(&options).await.map(drop)
    }

    async fn push(&self, store: &Arc<InMemory>) -> Result<()> {
        let Source { fs, dir, .. } = self.third.clone();
        open(store, 105).await?.push(fs, &dir, &PushOptions::new()).await.map(drop)
    }

    async fn forget(&self, store: &Arc<InMemory>) -> Result<()> {
        open(store, 106).await?.forget(&[self.first.backup]).await
    }

    /// Restores a backup. If it succeeds, every byte is right.
    async fn restore(&self, store: &Arc<InMemory>, source: &Source) -> std::result::Result<(), String> {
        let repository = open(store, 107).await.map_err(words)?;
        let backup = repository.files(source.backup, &ReadOptions::new()).await.map_err(words)?;
        let dir = backup.dir().to_path_buf();
        let target = MemFs::new();
        let restored = CheckpointDir::open(Arc::new(backup), dir)
            .and_then(|checkpoint| restore(&checkpoint, &target, Path::new("/live")));
        let live = Path::new("/live");
        let entries = target.read_dir(Path::new("/")).unwrap();
        let outside: Vec<_> = entries.iter().filter(|entry| entry.name != *"live").collect();
        assert!(outside.is_empty(), "outside the target: {outside:?}");
        if let Err(error) = restored {
            assert!(!target.exists(live).unwrap(), "a failed restore left its target");
            return Err(error.to_string());
        }
        let tables = |fs: &dyn Fs, dir: &Path| -> BTreeMap<_, _> {
            let tables = dir.join("tables");
            let entries = fs.read_dir(&tables).unwrap();
            entries
                .iter()
                .map(|entry| {
                    (entry.name.clone(), fs.read_to_vec(&tables.join(&entry.name), 1 << 20).unwrap())
                })
                .collect()
        };
        assert_eq!(tables(&target, live), tables(&*source.fs, &source.dir), "a restore returned wrong bytes");
        Ok(())
    }
}

fn words(error: lsm_checkpoint_store::Error) -> String {
    error.to_string()
}

async fn read(store: &Arc<InMemory>) -> Objects {
    let mut objects = Objects::new();
    let list: Vec<_> = store.list(None).try_collect().await.unwrap();
    for meta in list {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        objects.insert(meta.location.to_string(), bytes);
    }
    objects
}

/// The outcomes of one verb.
pub(crate) fn errors<'a>(outcomes: &'a [Outcome], verb: &str) -> Vec<&'a str> {
    let of_verb = outcomes.iter().filter(|outcome| outcome.verb == verb);
    of_verb.filter_map(|outcome| outcome.error.as_deref()).collect()
}

/// Asserts that every error names its object and is one line.
pub(crate) fn assert_clear(outcomes: &[Outcome], what: &str) {
    for Outcome { verb, error } in outcomes {
        let Some(error) = error else { continue };
        assert!(!error.is_empty() && !error.contains('\n'), "{what}: {verb}: {error:?}");
        assert!(error.len() < 1000, "{what}: {verb}: an error of {} bytes", error.len());
    }
}
