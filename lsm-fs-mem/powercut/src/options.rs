//! The options of the program.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::{kind::Kind, protocol::Case};

#[derive(Debug)]
pub(crate) struct Options {
    /// Runs everything, instead of a selection that takes about ten minutes.
    pub(crate) full: bool,
    /// The parts to run: calibrate, protocol, control.
    pub(crate) parts: Vec<String>,
    pub(crate) kinds: Vec<Kind>,
    /// The cases of the protocol and of the control. `None` selects all, or only links in a control without `--full`.
    pub(crate) cases: Option<Vec<Case>>,
    /// The number of random workloads on each file system.
    pub(crate) random: Option<u64>,
    /// The seed of the first random workload.
    pub(crate) seed: u64,
    /// Runs only the listed workloads whose name contains this text, and no random ones.
    pub(crate) named: Option<String>,
    /// Runs no listed workloads.
    pub(crate) random_only: bool,
    /// Makes a foreign sync before every n-th call of the protocol.
    pub(crate) every: Option<u64>,
    pub(crate) jobs: usize,
    /// The directory to which the observed trees are written.
    pub(crate) record: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> anyhow::Result<Self> {
        let mut options = Self {
            full: false,
            parts: Vec::new(),
            kinds: Kind::ALL.to_vec(),
            cases: None,
            random: None,
            seed: 0,
            named: None,
            random_only: false,
            every: None,
            jobs: 2,
            record: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--full" => options.full = true,
                "--only" => {
                    let name = value()?;
                    options.kinds.retain(|kind| name.split(',').any(|name| name == kind.name()));
                }
                "--case" => {
                    let names = value()?;
                    let is_named = |case: &Case| names.split(',').any(|name| name == case.name());
                    options.cases = Some(Case::ALL.into_iter().filter(is_named).collect());
                }
                "calibrate" | "protocol" | "control" => options.parts.push(arg.clone()),
                "--random-only" => options.random_only = true,
                "--random" => options.random = Some(value()?.parse()?),
                "--seed" => options.seed = value()?.parse()?,
                "--named" => options.named = Some(value()?.clone()),
                "--every" => options.every = Some(value()?.parse()?),
                "--jobs" => options.jobs = value()?.parse()?,
                "--record" => options.record = Some(value()?.into()),
                other => bail!("unknown option: {other}"),
            }
        }
        Ok(options)
    }
}
