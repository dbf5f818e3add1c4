//! The command line of the demonstration.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use lsm_checkpoint_engines::kind::{Kind, Special, Which};

use crate::subject::Subject;

/// Takes checkpoints of real engines while they are written to at full speed, reopens each with the engine and compares
/// every key.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Number of keys in a tree or a database.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keys: u64,

    /// Length of the largest value, in bytes.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(8..=1 << 20))]
    pub(crate) value_size: u32,

    /// Engine to demonstrate.
    #[arg(long, value_enum, default_value_t = Engines::All)]
    pub(crate) engine: Engines,

    /// Store the larger values in blob files.
    #[arg(long)]
    pub(crate) blobs: bool,

    /// Number of checkpoints of each tree.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) checkpoints: u32,

    /// Directory for trees and databases, on the filesystem to try. The default is the directory for temporary files.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,

    /// Directory for copied checkpoints, on another filesystem for instance. The default is the directory of the trees.
    #[arg(long)]
    pub(crate) checkpoint_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engines {
    /// coordinode-lsm-tree 5.7.0
    Coordinode5,
    /// coordinode-lsm-tree 7.4.0
    Coordinode7,
    /// fjall's lsm-tree 3.1.10
    Fjall,
    /// a whole database of fjall 3.1.13
    FjallDatabase,
    /// one after the other, then an encrypted tree and a tree with its own comparator
    All,
}

impl Options {
    /// Returns the trees and databases to demonstrate. [`Engines::All`] also has an encrypted tree and a tree with its
    /// own comparator, both of 5.7.0.
    pub(crate) fn subjects(&self) -> Vec<Subject> {
        let tree = |which| Subject::Tree(Kind::new(which, self.blobs));
        let database = Subject::Database { blobs: self.blobs };
        match self.engine {
            Engines::Coordinode5 => vec![tree(Which::CoordinodeV5)],
            Engines::Coordinode7 => vec![tree(Which::CoordinodeV7)],
            Engines::Fjall => vec![tree(Which::Fjall)],
            Engines::FjallDatabase => vec![database],
            Engines::All => {
                let specials = [Special::Encrypted, Special::Descending];
                let specials =
                    specials.map(|special| Subject::Tree(Kind::special(Which::CoordinodeV5, special)));
                Which::ALL.into_iter().map(tree).chain([database]).chain(specials).collect()
            }
        }
    }
}
