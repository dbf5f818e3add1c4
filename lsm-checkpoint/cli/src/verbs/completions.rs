//! `completions` and `man`: shell completions and man pages, generated from the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use lsm_fs::{FsExt, StdFs, SyncMode};

use crate::{
    exit::Exit,
    session::{Result, Session},
    text,
};

/// Print completions for a shell.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run<C: CommandFactory>(&self, session: &Session) -> Result {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut C::command(), "lsm-checkpoint", &mut script);
        session.out.bytes(&script);
        Ok(Exit::Done)
    }
}

/// Write man pages into a directory, one per command.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// An existing directory, such as /usr/local/share/man/man1.
    dir: PathBuf,
}

impl ManArgs {
    pub(crate) fn run<C: CommandFactory>(&self, session: &Session) -> Result {
        let mut command = C::command().disable_help_subcommand(true);
        command.build();
        self.write(session, &command)?;
        Ok(Exit::Done)
    }

    fn write(&self, session: &Session, command: &clap::Command) -> Result<()> {
        let man = Man::new(command.clone());
        let path = self.dir.join(man.get_filename());
        let mut page = Vec::new();
        // Writing to memory does not fail.
        let _ = man.render(&mut page);
        let _ = StdFs.rewrite_atomic(&path, &page, SyncMode::Normal)?;
        session.out.line(text::path(&path));
        session.out.record(&crate::record::Record::new("written").path("file", &path));
        command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
            .try_for_each(|below| self.write(session, below))
    }
}
