//! The command line of the demonstration.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use lsm_checkpoint_engines::kind::{Kind, Special, Which};

/// Takes checkpoints of real engines while they are written to at full speed, reopens each with the engine and compares
/// every key.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Options {
    /// Number of keys in a tree.
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

    /// Directory for the trees, on the filesystem to try. The default is the directory for temporary files.
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
    /// one after the other, then an encrypted tree and a tree with its own comparator
    All,
}

impl Options {
    /// Returns the trees to demonstrate. All engines come with an encrypted tree and with a tree that has its own
    /// comparator.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<_> =
            self.engine.which().into_iter().map(|which| Kind::new(which, self.blobs)).collect();
        if self.engine == Engines::All {
            let specials = [Special::Encrypted, Special::Descending];
            kinds.extend(specials.map(|special| Kind::special(Which::CoordinodeV5, special)));
        }
        kinds
    }
}

impl Engines {
    fn which(self) -> Vec<Which> {
        match self {
            Self::Coordinode5 => vec![Which::CoordinodeV5],
            Self::Coordinode7 => vec![Which::CoordinodeV7],
            Self::Fjall => vec![Which::Fjall],
            Self::All => Which::ALL.to_vec(),
        }
    }
}
