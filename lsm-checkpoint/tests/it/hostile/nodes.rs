//! The nodes of hostile directories and their spots.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use lsm_fs_mem::SpecialFile;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    place::Place,
    world::{MARKER, STAGED, World},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A symbolic link to a folder outside, by a relative path.
    LinkToFolder,
    LinkToFolderByRoot,
    LinkToFile,
    LinkToFileByRoot,
    Dangling,
    /// A symbolic link to itself.
    Loop,
    Pipe,
    Socket,
    Device,
    /// A file or folder from outside that is mounted there.
    Mount,
    /// A hard link to a file outside.
    HardLink,
    /// A strange name next to the spot: a file, a folder or a link to a folder outside.
    OddName,
    /// A staged directory and a valid marker that names the spot.
    ForgedMarker,
    /// A staged directory and a marker of another program.
    ForeignMarker,
    /// An empty staged directory for the spot.
    StagedSibling,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::LinkToFolder,
        Self::LinkToFolderByRoot,
        Self::LinkToFile,
        Self::LinkToFileByRoot,
        Self::Dangling,
        Self::Loop,
        Self::Pipe,
        Self::Socket,
        Self::Device,
        Self::Mount,
        Self::HardLink,
        Self::OddName,
        Self::ForgedMarker,
        Self::ForeignMarker,
        Self::StagedSibling,
    ];

    /// Returns `true` if the node leads to a folder outside.
    pub(crate) const fn leads_outside(self) -> bool {
        matches!(self, Self::LinkToFolder | Self::LinkToFolderByRoot | Self::Mount)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spot {
    /// Another entry of the directory of backups.
    Backup,
    Target,
    Staged,
    /// The folder of tables of the tree in the target's own directory.
    Tables,
    Table,
    /// The folder of the other tree.
    Tree,
    /// The folder of tables of that tree.
    TreeTables,
    Current,
    Version,
    Catalog,
    Marker,
}

impl Spot {
    pub(crate) const ALL: [Self; 11] = [
        Self::Backup,
        Self::Target,
        Self::Staged,
        Self::Tables,
        Self::Table,
        Self::Tree,
        Self::TreeTables,
        Self::Current,
        Self::Version,
        Self::Catalog,
        Self::Marker,
    ];

    /// Returns its path in the directory of backups.
    pub(crate) fn path(self) -> &'static Path {
        Path::new(match self {
            Self::Backup => "sunday",
            Self::Target => "t",
            Self::Staged => STAGED,
            Self::Tables => "t/tables",
            Self::Table => "t/tables/1",
            Self::Tree => "t/users",
            Self::TreeTables => "t/users/tables",
            Self::Current => "t/users/current",
            Self::Version => "t/v7",
            Self::Catalog => "t/CHECKPOINT",
            Self::Marker => "t/.checkpoint-unpublished",
        })
    }

    const fn is_folder(self) -> bool {
        use Spot::{Backup, Staged, Tables, Target, Tree, TreeTables};
        matches!(self, Backup | Target | Staged | Tables | Tree | TreeTables)
    }

    /// Returns the folder outside that could be mistaken for this one.
    fn folder_outside(self) -> &'static str {
        match self {
            Self::Tables | Self::TreeTables => "outside/tables",
            Self::Tree => "outside/users",
            _ => "outside",
        }
    }

    /// Returns the file outside that could be mistaken for this one.
    fn file_outside(self) -> &'static str {
        match self {
            Self::Table => "outside/tables/1",
            Self::Current => "outside/users/current",
            Self::Version => "outside/v7",
            Self::Catalog => "outside/CHECKPOINT",
            _ => "outside/secret",
        }
    }
}

/// Creates nodes in the directory of backups of a world.
pub(crate) struct Nodes<'a, P> {
    pub(crate) world: &'a World<P>,
    /// The number that selects a variant.
    pub(crate) variant: u64,
}

impl<P: Place> Nodes<'_, P> {
    /// Creates a node. If it is a hard link, returns the file outside that it is another name of. Fails if this kind of
    /// node is not possible here.
    pub(crate) fn put(&self, kind: Kind, spot: Spot) -> Result<Option<PathBuf>, ()> {
        let (fs, backups) = (&self.world.fs, self.world.backups());
        let at = backups.join(spot.path());
        let root = self.world.outside().parent().unwrap().to_path_buf();
        let relative = |to: &str| {
            let ups = spot.path().components().map(|_| "..").collect::<PathBuf>();
            ups.join(to)
        };
        if matches!(kind, Kind::OddName | Kind::ForgedMarker | Kind::ForeignMarker | Kind::StagedSibling) {
            self.put_names(kind, spot);
            return Ok(None);
        }
        self.world.clear(&at);
        let parent = at.parent().unwrap();
        if fs.symlink_metadata(parent).is_err() {
            fs.create_dir(parent).unwrap();
        }
        let special = |kind| if fs.special(kind, &at) { Ok(None) } else { Err(()) };
        match kind {
            Kind::LinkToFolder => fs.link(&relative(spot.folder_outside()), &at),
            Kind::LinkToFolderByRoot => fs.link(&root.join(spot.folder_outside()), &at),
            Kind::LinkToFile => fs.link(&relative(spot.file_outside()), &at),
            Kind::LinkToFileByRoot => fs.link(&root.join(spot.file_outside()), &at),
            Kind::Dangling => fs.link(&relative("outside/nothing"), &at),
            Kind::Loop => fs.link(Path::new(at.file_name().unwrap()), &at),
            Kind::Pipe => return special(SpecialFile::Pipe),
            Kind::Socket => return special(SpecialFile::Socket),
            Kind::Device => return special(SpecialFile::Device),
            Kind::HardLink => {
                let file = root.join(spot.file_outside());
                fs.hard_link(&file, &at).unwrap();
                return Ok(Some(file));
            }
            _ => {
                let from = if spot.is_folder() {
                    fs.create_dir(&at).unwrap();
                    spot.folder_outside()
                } else {
                    self.world.put(&at, b"");
                    spot.file_outside()
                };
                return if fs.mount(&root.join(from), &at) { Ok(None) } else { Err(()) };
            }
        }
        Ok(None)
    }

    /// Creates names that the protocol uses, or that resemble these.
    fn put_names(&self, kind: Kind, spot: Spot) {
        let at = self.world.backups().join(spot.path());
        let beside = |name: OsString| at.with_file_name(name);
        let name = at.file_name().unwrap();
        match kind {
            Kind::StagedSibling => self.folder(&beside(framed(b".", name, b".checkpoint-staged"))),
            Kind::ForgedMarker | Kind::ForeignMarker => {
                // In the directory of backups, in the target, or in its staged directory.
                let dir = match spot {
                    Spot::Backup => self.world.backups(),
                    Spot::Staged => self.world.staged(),
                    _ => self.world.target(),
                };
                self.folder(&self.world.staged());
                if spot == Spot::Backup {
                    self.folder(&beside("...checkpoint-staged".into()));
                }
                let marker = dir.join(MARKER);
                self.world.clear(&marker);
                let bytes =
                    if kind == Kind::ForgedMarker { self.marker(spot) } else { b"\xff\n1\n".to_vec() };
                self.world.put(&marker, &bytes);
            }
            _ => {
                let odd = match self.variant / 3 % 6 {
                    0 => framed(b"", name, b"\n"),
                    1 => framed(b"", name, b"\xff"),
                    2 => OsString::from("x".repeat(255)),
                    3 => framed(b".", name, b"\xff.checkpoint-staged"),
                    4 => OsString::from(".\n.checkpoint-staged"),
                    _ => OsString::from("...checkpoint-staged"),
                };
                let odd = beside(odd);
                self.world.clear(&odd);
                match self.variant % 3 {
                    0 => self.world.put(&odd, b"odd"),
                    1 => self.folder(&odd),
                    _ => self.world.fs.link(&self.world.outside(), &odd),
                }
            }
        }
    }

    fn folder(&self, at: &Path) {
        self.world.clear(at);
        self.world.fs.create_dir(at).unwrap();
    }

    /// Encodes a marker that names the spot, possible entries below it, and paths outside.
    fn marker(&self, spot: Spot) -> Vec<u8> {
        let named = spot.path().strip_prefix("t").unwrap_or(spot.path()).display().to_string();
        let word = if self.variant.is_multiple_of(2) { "remove" } else { "publish" };
        let mut lines = format!("{word}\n");
        for pointer in ["", "/CURRENT", "/current", "/1", "/../../outside/secret"] {
            lines.push_str(&format!("{named}{pointer}\n"));
        }
        lines.push_str("users/CURRENT\n../outside/secret\n");
        format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes())).into_bytes()
    }
}

fn framed(before: &[u8], name: &OsStr, after: &[u8]) -> OsString {
    OsStr::from_bytes(&[before, name.as_bytes(), after].concat()).to_os_string()
}
