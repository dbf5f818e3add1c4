//! The conformance suite: the reference engine passes all checks.

use std::sync::atomic::{AtomicU64, Ordering};

use lsm_checkpoint::{
    BoxError, CheckpointSource,
    conformance::{Contents, Reader, Subject, Tree, run},
};

use super::{Engine, View};

impl Tree for Engine {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError> {
        self.put(key, value)?;
        Ok(Some(self.state().view.seqno))
    }

    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError> {
        self.delete(key)?;
        Ok(Some(self.state().view.seqno))
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.flush()
    }

    fn compact(&self) -> Result<(), BoxError> {
        self.compact()
    }

    fn contents(&self) -> Result<Contents, BoxError> {
        Ok(self.state().view.scan())
    }

    fn source(&self) -> Box<dyn CheckpointSource + '_> {
        Box::new(self)
    }

    fn reader(&self) -> Option<Reader<'_>> {
        let View { version, memtable, seqno } = &self.state().view;
        let then = View { version: version.clone(), memtable: memtable.clone(), seqno: *seqno };
        Some(Box::new(move || Ok(then.scan())))
    }
}

#[test]
fn the_engine_passes_every_check_of_the_suite() {
    let trees = AtomicU64::new(0);
    let report = run(&Subject::on_fs(move |fs, dir| {
        // Only a new tree uses this identity, and each new tree gets another one.
        let identity = format!("tree {}", trees.fetch_add(1, Ordering::Relaxed));
        Ok(Box::new(Engine::open(fs, dir, &identity)?))
    }));
    println!("{report}");
    report.assert_conforms_without_exemption();
}
