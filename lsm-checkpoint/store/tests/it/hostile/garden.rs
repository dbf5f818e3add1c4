//! [`Garden`]: a repository in memory that a test can damage.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use lsm_checkpoint_store::proof::{BackupCatalog, Head, Rules};
use lsm_checkpoint_store::{Backup, Key, Location, PushOptions, Repository, Result};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::proof::environment::options;
use crate::proof::source::{Source, checkpoint};

/// The objects of a repository by key.
pub(crate) type Objects = BTreeMap<String, Bytes>;

/// A repository with two backups that share a table.
pub(crate) struct Garden {
    pub(crate) objects: Objects,
    /// The sources of the two backups, and one that was not pushed. All have the table `shared`.
    pub(crate) sources: [Source; 3],
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn location(store: &Arc<InMemory>) -> Location {
    Location::of_store(Arc::clone(store) as Arc<dyn ObjectStore>, "")
}

/// Opens the repository in a store. Two clients with one number draw the same names.
pub(crate) async fn open(store: &Arc<InMemory>, client: u8) -> Result<Repository> {
    Repository::open(location(store), options(client, 128, Rules::ALL)).await
}

/// Makes a store with these objects.
pub(crate) async fn stored(objects: &Objects) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for (key, bytes) in objects {
        store.put(&Path::parse(key).unwrap(), bytes.clone().into()).await.unwrap();
    }
    store
}

/// Reads all objects of a store.
pub(crate) async fn read(store: &Arc<InMemory>) -> Objects {
    let mut objects = Objects::new();
    let list: Vec<_> = store.list(None).try_collect().await.unwrap();
    for meta in list {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        objects.insert(meta.location.to_string(), bytes);
    }
    objects
}

/// Returns the highest number of a state.
pub(crate) fn newest_number(objects: &Objects) -> Option<u64> {
    let numbers = objects.keys().filter_map(|key| match Key::parse(key) {
        Some(Key::Head(number)) => Some(number),
        _ => None,
    });
    numbers.max()
}

/// Decodes the newest state.
pub(crate) fn newest(objects: &Objects) -> Head {
    let number = newest_number(objects).unwrap();
    Head::decode(number, objects[&Key::Head(number).to_string()].to_vec()).unwrap()
}

/// Returns the key of the catalog of a backup.
pub(crate) fn catalog_key(backup: &Backup) -> String {
    Key::Catalog(backup.catalog.name).to_string()
}

impl Garden {
    /// Makes a repository. Another `salt` makes another one.
    pub(crate) fn new(salt: u8) -> Self {
        let tables: [&[u8]; 3] = [b"one", b"two", b"three"];
        let mut seqno = 0;
        let sources = tables.map(|table| {
            seqno += 1;
            checkpoint("db", seqno, &[b"shared", table])
        });
        let store = Arc::new(InMemory::new());
        let objects = block_on(async {
            Repository::init(location(&store), options(salt, 128, Rules::ALL)).await.unwrap();
            for (client, source) in [(salt + 1, &sources[0]), (salt + 2, &sources[1])] {
                let repository = open(&store, client).await.unwrap();
                repository.push(Arc::clone(&source.fs), &source.dir, &PushOptions::new()).await.unwrap();
            }
            read(&store).await
        });
        Self { objects, sources }
    }

    /// Returns the newest state before any damage.
    pub(crate) fn head(&self) -> Head {
        newest(&self.objects)
    }

    /// Returns the key of the newest state.
    pub(crate) fn head_key(&self) -> String {
        Key::Head(self.head().number).to_string()
    }

    /// Returns the two backups in the newest state, oldest push first.
    pub(crate) fn backups(&self) -> [Backup; 2] {
        self.head().backups.try_into().unwrap()
    }

    pub(crate) fn catalog(&self, backup: &Backup) -> BackupCatalog {
        BackupCatalog::decode(self.objects[&catalog_key(backup)].to_vec()).unwrap()
    }

    /// Returns the key of the object with the bytes of a table.
    pub(crate) fn table(&self, content: &[u8]) -> String {
        let mut found =
            self.objects.iter().filter(|(key, bytes)| key.starts_with("data/") && bytes[..] == *content);
        let (key, _) = found.next().unwrap();
        assert!(found.next().is_none(), "two objects have the bytes of one table");
        key.clone()
    }

    /// Returns the objects with a change.
    pub(crate) fn changed(&self, change: impl FnOnce(&mut Objects)) -> Objects {
        let mut objects = self.objects.clone();
        change(&mut objects);
        objects
    }

    /// Returns the objects with one that is new, or has other bytes.
    pub(crate) fn with(&self, key: &str, bytes: impl Into<Bytes>) -> Objects {
        self.changed(|objects| {
            objects.insert(key.to_owned(), bytes.into());
        })
    }
}
