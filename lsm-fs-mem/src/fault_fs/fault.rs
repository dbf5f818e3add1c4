//! Rules for the calls that fail.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::{Op, errno};

use super::{FaultEffect, FaultId, ShortTransfer};
use lsm_fs::intercept::{Arguments, Call};

/// A rule that selects the calls to fail, and sets the effect of their failure. By default, the first matching call
/// fails once, with `EIO` and without having had an effect.
///
/// # Examples
///
/// ```
/// use lsm_fs::{Op, errno};
/// use lsm_fs_mem::{Fault, ShortTransfer};
///
/// # let fs = lsm_fs_mem::FaultFs::new(lsm_fs::StdFs);
/// // The third link into or out of /db/tables.
/// fs.inject(Fault::on(Op::HardLink).below("/db/tables").nth(3).before(errno::EMLINK));
/// // Every sync of this directory from the second one on, after it took effect.
/// fs.inject(Fault::on(Op::SyncDirectory).at("/db").from_nth(2).after(errno::EIO));
/// // Every tenth write anywhere is short.
/// fs.inject(Fault::on(Op::WriteAt).every(10).short(ShortTransfer::Sector));
/// // Every call on a manifest.
/// let manifest = |path: &std::path::Path| path.extension().is_some_and(|e| e == "manifest");
/// fs.inject(Fault::on_any().where_path(manifest).every(1));
/// ```
#[derive(Clone)]
pub struct Fault {
    op: Option<Op>,
    paths: Paths,
    when: When,
    effect: FaultEffect,
}

type Predicate = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

#[derive(Clone)]
enum Paths {
    Any,
    At(PathBuf),
    Below(PathBuf),
    Where(Predicate),
}

#[derive(Clone, Copy, Debug)]
enum When {
    Once(u64),
    From(u64),
    Every(u64),
    /// The call with this position among all calls of its kind.
    Ordinal(u64),
}

impl Fault {
    /// Strikes calls of one kind. The kind is the method that an error of the call names: `Op::Write` is
    /// `Write::write`, `Op::WriteAt` is `FsFile::write_at`, and `Op::Metadata` is both `Fs::metadata` and
    /// `FsFile::metadata`.
    #[must_use]
    pub fn on(op: Op) -> Self {
        Self { op: Some(op), ..Self::on_any() }
    }

    /// Strikes calls of every kind.
    #[must_use]
    pub fn on_any() -> Self {
        Self { op: None, paths: Paths::Any, when: When::Once(1), effect: FaultEffect::Before(errno::EIO) }
    }

    /// Restricts the fault to calls with this path. A call of a file has the path by which the file was opened.
    #[must_use]
    pub fn at(self, path: impl Into<PathBuf>) -> Self {
        Self { paths: Paths::At(path.into()), ..self }
    }

    /// Restricts the fault to calls with a path that is this directory or lies in it.
    #[must_use]
    pub fn below(self, dir: impl Into<PathBuf>) -> Self {
        Self { paths: Paths::Below(dir.into()), ..self }
    }

    /// Restricts the fault to calls with a path that satisfies `holds`.
    #[must_use]
    pub fn where_path(self, holds: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Self {
        Self { paths: Paths::Where(Arc::new(holds)), ..self }
    }

    /// Strikes only the `k`-th matching call, counted from 1.
    #[must_use]
    pub fn nth(self, k: u64) -> Self {
        Self { when: When::Once(k), ..self }
    }

    /// Strikes the `k`-th matching call, counted from 1, and all later ones.
    #[must_use]
    pub fn from_nth(self, k: u64) -> Self {
        Self { when: When::From(k), ..self }
    }

    /// Strikes every `n`-th matching call. 1 strikes all of them, and 0 none.
    #[must_use]
    pub fn every(self, n: u64) -> Self {
        Self { when: When::Every(n), ..self }
    }

    /// Sets the effect to [`FaultEffect::Before`].
    #[must_use]
    pub fn before(self, errno: i32) -> Self {
        self.effect(FaultEffect::Before(errno))
    }

    /// Sets the effect to [`FaultEffect::After`].
    #[must_use]
    pub fn after(self, errno: i32) -> Self {
        self.effect(FaultEffect::After(errno))
    }

    /// Sets the effect to [`FaultEffect::Short`].
    #[must_use]
    pub fn short(self, short: ShortTransfer) -> Self {
        self.effect(FaultEffect::Short(short))
    }

    /// Sets the effect to [`FaultEffect::Interrupted`].
    #[must_use]
    pub fn interrupted(self) -> Self {
        self.effect(FaultEffect::Interrupted)
    }

    /// Sets the effect to [`FaultEffect::Gone`].
    #[must_use]
    pub fn gone(self) -> Self {
        self.effect(FaultEffect::Gone)
    }

    /// Sets the effect to [`FaultEffect::Full`].
    #[must_use]
    pub fn full(self) -> Self {
        self.effect(FaultEffect::Full)
    }

    /// Sets the effect.
    #[must_use]
    pub fn effect(self, effect: FaultEffect) -> Self {
        Self { effect, ..self }
    }

    pub(super) fn what(&self) -> FaultEffect {
        self.effect
    }

    /// Returns whether the fault counts this call.
    pub(super) fn matches(&self, call: &Call<'_>) -> bool {
        self.op.is_none_or(|op| op == call.op)
            && self.paths.match_either(call)
            && can_strike(self.effect, call)
    }

    /// Returns whether the fault strikes its `k`-th matching call, which is the `ordinal`-th of its kind.
    pub(super) fn fires_at(&self, k: u64, ordinal: u64) -> bool {
        match self.when {
            When::Ordinal(nth) => ordinal == nth,
            When::Once(nth) => k == nth,
            When::From(nth) => k >= nth,
            When::Every(n) => n != 0 && k.is_multiple_of(n),
        }
    }
}

/// Creates a fault that strikes the same call again, in a [`FaultFs`](crate::FaultFs) without earlier calls.
impl From<FaultId> for Fault {
    fn from(id: FaultId) -> Self {
        Self { when: When::Ordinal(id.nth), ..Self::on(id.op).effect(id.effect) }
    }
}

/// Returns whether an effect applies to a call. Calls to which it does not apply are not counted.
pub(super) fn can_strike(effect: FaultEffect, call: &Call<'_>) -> bool {
    match effect {
        FaultEffect::Short(short) => {
            let is_cut = matches!(call.op, Op::Read | Op::Write | Op::WriteAt);
            let len = call.transfer_len().filter(|_| is_cut);
            let len = len.and_then(|len| usize::try_from(len).ok());
            len.is_some_and(|len| short.cut(len).is_some())
        }
        FaultEffect::Interrupted => is_at_cursor(call),
        FaultEffect::Full => needs_space(call),
        FaultEffect::Before(_) | FaultEffect::After(_) | FaultEffect::Gone => true,
    }
}

/// Returns whether the call is `Read::read` or `Write::write`, which may be short or interrupted.
pub(super) fn is_at_cursor(call: &Call<'_>) -> bool {
    matches!(call.op, Op::Read | Op::Write)
}

/// Returns whether a full volume can refuse the call. A sync is included, because space is often allocated only then.
pub(super) fn needs_space(call: &Call<'_>) -> bool {
    match call.op {
        Op::Open => {
            matches!(call.arguments, Arguments::Open(options) if options.create || options.create_new)
        }
        Op::CreateDir
        | Op::Rename
        | Op::RenameNoreplace
        | Op::HardLink
        | Op::ReflinkFile
        | Op::TruncateFile
        | Op::Write
        | Op::WriteAt
        | Op::SetLen
        | Op::SyncAll
        | Op::SyncData => true,
        _ => false,
    }
}

impl Paths {
    fn match_either(&self, call: &Call<'_>) -> bool {
        self.holds(call.path) || call.other_path.is_some_and(|other| self.holds(other))
    }

    fn holds(&self, path: &Path) -> bool {
        match self {
            Self::Any => true,
            Self::At(at) => path == at,
            Self::Below(dir) => path.starts_with(dir),
            Self::Where(holds) => holds(path),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Fault");
        out.field("op", &self.op);
        match &self.paths {
            Paths::Any => {}
            Paths::At(path) => drop(out.field("at", path)),
            Paths::Below(dir) => drop(out.field("below", dir)),
            Paths::Where(_) => drop(out.field("where_path", &format_args!("…"))),
        }
        out.field("when", &self.when).field("effect", &self.effect).finish()
    }
}
