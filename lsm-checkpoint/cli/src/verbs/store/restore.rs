//! `store restore`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use lsm_checkpoint::{Checkpoint, RestoredOwner};
use lsm_checkpoint_store::ReadOptions;
use lsm_fs::{Fs, StdFs, parent_of};

use super::{
    open::{ClientArgs, ask},
    pick::BackupName,
};
use crate::{
    owner::parse_owner,
    session::{Result, Session},
    verbs::{
        restore::{refuse_full, with_way_in},
        transfer::{refuse_existing, show, show_plan},
    },
};

/// Restore a backup into a new or empty directory, which an engine can then open.
///
/// Every byte is compared with its SHA-256. The target appears only once it is complete. To resume a killed restore,
/// run it again. With --into-empty the target is filled in place, and a second run starts over.
#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// URL@latest or URL@ID.
    backup: BackupName,
    /// The new directory: a new name in an existing directory. With --into-empty, the empty directory.
    target: PathBuf,
    /// With URL@latest: choose the newest backup of this source.
    #[arg(long, value_name = "IDENTITY")]
    source: Option<String>,
    /// Restore into an existing empty directory, such as a mount point. It may contain `lost+found`.
    #[arg(long)]
    into_empty: bool,
    /// The owner of the files: `keep` for the owner in the source, `none` for the user who runs this command, or
    /// USER:GROUP by name or number.
    #[arg(long, value_name = "OWNER", value_parser = parse_owner, default_value = "keep")]
    owner: RestoredOwner,
    /// Show the plan, and restore nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RestoreArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let volume = if self.into_empty { &*self.target } else { parent_of(&self.target) };
        if self.into_empty {
            refuse_full(&self.target)?;
        } else {
            refuse_existing(&self.target).map_err(with_way_in)?;
        }
        let opened = client.open(session, &self.backup.url)?;
        let backup = self.backup.resolve(session, &opened.repository, self.source.as_deref())?;
        if self.dry_run {
            return show_plan(session, "restored", (&self.target, volume), backup.bytes);
        }
        let id = backup.id;
        let files = ask(session, &opened.repository, move |all| all.files(id, &ReadOptions::new()))?;
        let meter = session.meter("restore");
        let tell = |progress: &_| meter.tell(progress);
        let options = Checkpoint::new().restored_owner(self.owner).progress(&tell);
        let info = if self.into_empty {
            files.restore_into(&StdFs, &self.target, &options)?
        } else {
            let here: Arc<dyn Fs> = Arc::new(StdFs);
            files.restore(&here, &self.target, &options)?
        };
        drop(meter);
        show(session, "restored", &self.target, &info)
    }
}
