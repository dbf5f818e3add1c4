//! [`Subject`]: a tree with its adapter, or a fjall database with its backup.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{BoxError, Checkpoint, Policy};
use lsm_checkpoint_engines::{
    engine::Engine,
    exam::{Exam, Taken, take},
    fjall_database::{FjallDatabase, Report},
    key_value::KeyValue,
    kind::Kind,
    oracle::{Oracle, Plan},
};

/// A tree or a database of which the demonstration takes checkpoints.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    Tree(Kind),
    Database { blobs: bool },
}

/// An open tree or database.
pub(crate) enum Opened {
    Tree(Arc<dyn Engine>),
    Database(FjallDatabase),
}

impl Subject {
    pub(crate) fn title(self) -> String {
        match self {
            Self::Tree(kind) => format!("{}, {}", kind.which.name(), kind.name()),
            Self::Database { .. } => "fjall 3.1.13, a whole database of three keyspaces".to_owned(),
        }
    }

    pub(crate) fn open(self, dir: &Path) -> Result<Opened, BoxError> {
        Ok(match self {
            Self::Tree(kind) => Opened::Tree(kind.open(dir)?),
            Self::Database { blobs } => Opened::Database(FjallDatabase::open(dir, blobs)?),
        })
    }

    pub(crate) fn exam(self, plan: Plan) -> Exam {
        match self {
            Self::Tree(kind) => Exam::new(kind, plan),
            Self::Database { blobs } => Exam::of(plan, move |dir| {
                let database: Arc<dyn KeyValue> = Arc::new(FjallDatabase::open(dir, blobs)?);
                Ok(database)
            }),
        }
    }
}

impl Opened {
    pub(crate) fn key_value(&self) -> &dyn KeyValue {
        match self {
            Self::Tree(engine) => &**engine,
            Self::Database(database) => database,
        }
    }

    pub(crate) fn take(
        &self,
        oracle: &Oracle,
        (policy, progress): (Policy, Report<'_>),
        target: &Path,
    ) -> Result<Taken, BoxError> {
        Ok(match self {
            Self::Tree(engine) => {
                take(&**engine, oracle, &Checkpoint::new().policy(policy).progress(progress), target)?
            }
            Self::Database(database) => database.take(oracle, (policy, progress), target)?,
        })
    }
}
