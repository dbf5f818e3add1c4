//! The invariants, checked on the bytes in the store.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use bytes::Bytes;
use lsm_checkpoint_store::proof::{BackupCatalog, Head, PIECE};
use lsm_checkpoint_store::{Backup, BackupId, Key as Named};
use sha2::{Digest, Sha256};

use super::clients::{Setting, Task};
use super::schedule::solo;
use crate::step::client::Event;
use crate::step::names::{Content, Key, Names};
use crate::step::search::Invariants;
use crate::step::world::World;

/// An object that a catalog needs: its key, its length, and the SHA-256 of its pieces.
type Needed = (Key, u64, Vec<[u8; 32]>);

/// A cache of decoded objects.
type Decoded<K, T> = RefCell<HashMap<K, Rc<Result<T, String>>>>;

/// The invariants that `PROOF.md` lists.
pub(crate) struct Protocol {
    setting: Setting,
    /// Backups that a client of the scenario forgets.
    may_go: Vec<BackupId>,
    heads: Decoded<(u64, Content), Head>,
    catalogs: Decoded<Content, Vec<Needed>>,
    digests: RefCell<HashMap<Content, [u8; 32]>>,
    quiet: RefCell<HashMap<World, Result<(), String>>>,
}

impl Protocol {
    pub(crate) fn new(setting: Setting, may_go: Vec<BackupId>) -> Self {
        let (heads, catalogs) = (RefCell::default(), RefCell::default());
        let (digests, quiet) = (RefCell::default(), RefCell::default());
        Self { setting, may_go, heads, catalogs, digests, quiet }
    }

    /// Allows these backups to be forgotten.
    pub(crate) fn allow(&mut self, backups: &[BackupId]) {
        self.may_go.extend_from_slice(backups);
    }

    /// Returns the newest state of the repository in the store.
    fn newest(&self, names: &Names, world: &World) -> Result<Rc<Result<Head, String>>, String> {
        let heads =
            world.objects().iter().filter_map(|&(key, content)| match Named::parse(&names.text(key)) {
                Some(Named::Head(number)) => Some((number, content)),
                _ => None,
            });
        let (number, content) = heads.max().ok_or("no head is left")?;
        let mut known = self.heads.borrow_mut();
        let decode = || {
            let head = Head::decode(number, names.bytes(content).to_vec());
            Rc::new(head.map_err(|defect| format!("head {number}: {defect}")))
        };
        Ok(Rc::clone(known.entry((number, content)).or_insert_with(decode)))
    }

    fn sha256(&self, names: &Names, content: Content) -> [u8; 32] {
        let mut known = self.digests.borrow_mut();
        *known.entry(content).or_insert_with(|| Sha256::digest(names.bytes(content)).into())
    }

    /// Returns the objects of a backup. Fails if its catalog is missing or has other bytes.
    fn needed(
        &self,
        names: &Names,
        world: &World,
        backup: &Backup,
    ) -> Result<Rc<Result<Vec<Needed>, String>>, String> {
        let key = names.key(&Named::Catalog(backup.catalog.name).to_string());
        let content = world.get(key).ok_or_else(|| format!("lost catalog of {}", backup.id))?;
        if self.sha256(names, content) != backup.catalog.sha256 {
            return Err(format!("wrong catalog of {}", backup.id));
        }
        let mut known = self.catalogs.borrow_mut();
        let decode = || Rc::new(decode(names, &names.bytes(content)));
        Ok(Rc::clone(known.entry(content).or_insert_with(decode)))
    }

    fn whole(&self, names: &Names, world: &World, backup: &Backup) -> Result<(), String> {
        let needed = self.needed(names, world, backup)?;
        for (key, len, pieces) in needed.as_ref().as_ref().map_err(String::clone)? {
            let content = world.get(*key).ok_or_else(|| format!("lost data of {}", backup.id))?;
            let [piece] = pieces.as_slice() else { return Err("a test file has one piece".to_owned()) };
            if names.len(content) != *len || self.sha256(names, content) != *piece {
                return Err(format!("wrong data of {}", backup.id));
            }
        }
        Ok(())
    }

    /// Returns the keys that may be left at the end.
    fn kept(&self, names: &Names, world: &World) -> Result<BTreeSet<Key>, String> {
        let newest = self.newest(names, world)?;
        let head = newest.as_ref().as_ref().map_err(String::clone)?;
        let mut kept = BTreeSet::from([names.key("repository")]);
        let oldest = (head.number + 1).saturating_sub(self.setting.kept_heads);
        kept.extend((oldest..=head.number).map(|number| names.key(&Named::Head(number).to_string())));
        for backup in head.referenced() {
            kept.insert(names.key(&Named::Catalog(backup.catalog.name).to_string()));
            let needed = self.needed(names, world, backup)?;
            kept.extend(needed.as_ref().as_ref().map_err(String::clone)?.iter().map(|needed| needed.0));
        }
        Ok(kept)
    }

    fn last_collect(&self, names: &Names, world: &World) -> Result<(), String> {
        let fence = self.setting.client(0xfe, [Task::FenceAll, Task::Collect]);
        let (world, events) = solo(names, world, fence);
        if let Some(Event::Failed(error)) = events.first() {
            return Err(format!("the last collect failed: {error}"));
        }
        self.world(names, &world)?;
        let kept = self.kept(names, &world)?;
        let garbage: Vec<_> = world.objects().iter().filter(|pair| !kept.contains(&pair.0)).collect();
        match garbage.first() {
            None => Ok(()),
            Some((key, _)) => Err(format!("garbage is left: {}", names.text(*key))),
        }
    }
}

fn decode(names: &Names, bytes: &Bytes) -> Result<Vec<Needed>, String> {
    let catalog = BackupCatalog::decode(bytes.to_vec()).map_err(|defect| format!("a catalog: {defect}"))?;
    let mut needed = Vec::new();
    for file in &catalog.files {
        assert!(file.len <= PIECE, "a test file has one piece");
        if let Some(object) = catalog.object_of(file) {
            let key = names.key(&Named::Data(object.name).to_string());
            needed.push((key, object.len, file.pieces.clone()));
        }
    }
    Ok(needed)
}

impl Invariants for Protocol {
    /// Each backup in the newest state, and each forgotten one, has its catalog and its objects with the right bytes. A
    /// state that lists a backup twice does not decode.
    fn world(&self, names: &Names, world: &World) -> Result<(), String> {
        let newest = self.newest(names, world)?;
        let head = newest.as_ref().as_ref().map_err(String::clone)?;
        head.referenced().try_for_each(|backup| self.whole(names, world, backup))
    }

    /// A commit that returned `Ok` stays until the backup is forgotten.
    fn events(&self, names: &Names, world: &World, events: &[&[Event]]) -> Result<(), String> {
        let newest = self.newest(names, world)?;
        let head = newest.as_ref().as_ref().map_err(String::clone)?;
        for event in events.iter().copied().flatten() {
            let Event::Committed(text) = event else { continue };
            let backup: BackupId = text.parse().expect("an identifier");
            let there = head.backup(backup).is_some() || self.may_go.contains(&backup);
            if !there {
                return Err(format!("lost commit of {backup}"));
            }
        }
        Ok(())
    }

    fn quiet(&self, names: &Names, world: &World) -> Result<(), String> {
        if let Some(known) = self.quiet.borrow().get(world) {
            return known.clone();
        }
        let verdict = self.last_collect(names, world);
        self.quiet.borrow_mut().insert(world.clone(), verdict.clone());
        verdict
    }
}
