//! The memory that hostile repositories cost: the command runs with 256 MiB of address space, ends with a clear error,
//! deletes nothing, and writes nothing outside of its target.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use lsm_checkpoint_servers::Engine;
use lsm_checkpoint_servers::tour::options;
use lsm_checkpoint_store::proof::{BackupCatalog, Head};
use lsm_checkpoint_store::{Key, Location, PushOptions, RefsPlace, blocking::Repository};
use lsm_fs::StdFs;
use lsm_manifest::{ManifestArchiveReader, ReadOptions, WriteOptions, encode_archive};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::operator::command;

/// The address space of the command.
const LIMIT_KIB: u64 = 256 << 10;
/// The maximum lengths of a state and of a catalog, from `FORMAT.md`.
const HEAD_MAX: u64 = 64 << 20;
const CATALOG_MAX: u64 = 256 << 20;

/// A repository in a folder, with one backup.
struct Ground {
    dir: TempDir,
}

/// The expected end of a verb: its exit code, the kind of its error, and the start of the key that the error names.
/// `damaged` stands for an object in the report of an audit, and an empty kind for no error.
struct End(&'static str, i32, &'static str, &'static str);

/// The verbs that read catalogs refuse the backup of a catalog that is damaged. A list reads states only.
const CATALOG_DAMAGED: [End; 4] = [
    End("list", 0, "", ""),
    End("check", 0, "", ""),
    End("verify", 2, "damaged", "backup/"),
    End("restore", 2, "corrupt", "backup/"),
];
const REFERENCES_DAMAGED: [End; 3] =
    [End("list", 0, "", ""), End("check", 2, "damaged", "backup/"), End("verify", 2, "damaged", "backup/")];
const STATE_DAMAGED: [End; 4] = [
    End("list", 2, "corrupt", "head/"),
    End("check", 2, "corrupt", "head/"),
    End("verify", 2, "corrupt", "head/"),
    End("restore", 2, "corrupt", "head/"),
];

impl Ground {
    fn new() -> Self {
        let ground = Self { dir: TempDir::new().unwrap() };
        let mut engine = Engine::open(&ground.at("db"), "hostile").unwrap();
        engine.add(1, 3, 5_000).unwrap();
        engine.checkpoint(&ground.at("checkpoint")).unwrap();
        let place = Location::local(ground.at("store")).unwrap();
        let repository = Repository::init(place, options().probe_rounds(0)).unwrap();
        repository.push(Arc::new(StdFs), &ground.at("checkpoint"), &PushOptions::new()).unwrap();
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn object(&self, key: Key) -> PathBuf {
        self.at("store").join(key.to_string())
    }

    fn head(&self) -> (PathBuf, Head) {
        let states = fs::read_dir(self.at("store/head")).unwrap();
        let newest = states.map(|entry| entry.unwrap().path()).max().unwrap();
        let number = newest.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let head = Head::decode(number, fs::read(&newest).unwrap()).unwrap();
        (newest, head)
    }

    /// Changes the newest state.
    fn change_head(&self, change: impl FnOnce(&mut Head)) {
        let (path, mut head) = self.head();
        change(&mut head);
        fs::write(path, head.encode().unwrap()).unwrap();
    }

    fn catalog(&self) -> PathBuf {
        self.object(Key::Catalog(self.head().1.backups[0].catalog.name))
    }

    /// Changes the catalog. The newest state gets its digest, as a thief of the keys would do it.
    fn change_catalog(&self, change: impl FnOnce(&mut BackupCatalog)) {
        let mut catalog = BackupCatalog::decode(fs::read(self.catalog()).unwrap()).unwrap();
        change(&mut catalog);
        let (bytes, refs) = catalog.encode().unwrap();
        self.replace_catalog(&bytes, refs);
    }

    fn replace_catalog(&self, bytes: &[u8], refs: RefsPlace) {
        fs::write(self.catalog(), bytes).unwrap();
        self.change_head(|head| {
            let place = &mut head.backups[0].catalog;
            (place.len, place.refs) = (bytes.len() as u64, refs);
            place.sha256 = Sha256::digest(bytes).into();
        });
    }

    /// Runs the command with limited memory.
    fn run(&self, verb: &str) -> Output {
        let url = format!("file://{}", self.at("store").display());
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &LIMIT_KIB.to_string()]).arg(command());
        limited.args(["store", "--json", "--quiet", "--no-progress", "--no-state", verb]);
        if verb == "restore" {
            limited.arg(format!("{url}@latest")).arg(self.at("live"));
        } else {
            limited.arg(url);
        }
        // By default, glibc reserves an arena per thread, which takes a quarter of the address space.
        limited.env("MALLOC_ARENA_MAX", "1").output().unwrap()
    }

    /// Runs the verbs, and compares their ends. Nothing may change.
    fn ends(&self, name: &str, ends: &[End]) {
        let before = listing(self.dir.path());
        for &End(verb, code, kind, key) in ends {
            let output = self.run(verb);
            let lines =
                [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
            let text = lines.concat();
            assert_eq!(output.status.code(), Some(code), "{name}: {verb}: {:.2000}", text);
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let faults: Vec<_> = lines.filter_map(|line| fault(&line)).collect();
            let is_named = |(found, names): &(String, String)| found == kind && names.starts_with(key);
            assert!(
                faults.is_empty() == kind.is_empty() && faults.iter().all(is_named),
                "{name}: {verb}: {faults:?}"
            );
            let is_short = |(_, names): &(String, String)| names.len() < 1_000;
            assert!(faults.iter().all(is_short), "{name}: {verb}: a long message");
            assert_eq!(listing(self.dir.path()), before, "{name}: {verb} has changed something");
        }
    }
}

/// Returns the kind of an error and its message, or the key of a damaged object.
fn fault(line: &Value) -> Option<(String, String)> {
    let text = |field: &str| line[field].as_str().unwrap().to_owned();
    match line["type"].as_str()? {
        "error" => Some((text("kind"), text("message"))),
        "damaged" => Some(("damaged".to_owned(), text("object"))),
        _ => None,
    }
}

/// Lists the files below a directory with their lengths.
fn listing(dir: &Path) -> Vec<(PathBuf, u64)> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push((entry.path(), entry.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_limit_suffices_for_a_sound_repository() {
    let ground = Ground::new();
    ground.ends("sound", &["list", "check", "verify"].map(|verb| End(verb, 0, "", "")));
    assert!(ground.run("restore").status.success());
}

/// The number of files is a field of the catalog. All its checksums and digests are right.
#[test]
fn a_catalog_that_claims_many_files_is_refused() {
    let ground = Ground::new();
    let bytes = fs::read(ground.catalog()).unwrap();
    let archive = ManifestArchiveReader::from_bytes(Path::new("c"), bytes, &ReadOptions::new()).unwrap();
    let names: Vec<_> = archive.footer().sections().iter().map(|entry| entry.name.clone()).collect();
    // Format, features, length of the record, flags, two identifiers, number of references.
    let (at, claim) = (4 + 8 + 4 + 4 + 32, (1_u64 << 60).to_le_bytes());
    for field in 0..4 {
        let sections: Vec<_> = names
            .iter()
            .map(|name| {
                let mut payload = archive.read_section(name).unwrap().payload;
                if name == "catalog" {
                    payload[at + 8 * field..][..8].copy_from_slice(&claim);
                }
                (name.as_str(), payload)
            })
            .collect();
        let sections = sections.iter().map(|(name, payload)| (*name, payload.as_slice()));
        let forged = encode_archive(Path::new("c"), &WriteOptions::new(), sections).unwrap();
        let refs = ground.head().1.backups[0].catalog.refs;
        ground.replace_catalog(&forged, refs);
        ground.ends(&format!("2^60 in field {field}"), &CATALOG_DAMAGED);
    }
}

#[test]
fn a_catalog_that_claims_a_long_file_is_refused() {
    let ground = Ground::new();
    ground.change_catalog(|catalog| {
        let position = catalog.files.iter().position(|file| file.object == Some(0)).unwrap();
        (catalog.files[position].len, catalog.refs[0].len) = (1 << 60, 1 << 60);
    });
    ground.ends(
        "a file of 2^60 bytes",
        &[
            End("list", 0, "", ""),
            End("check", 2, "damaged", "data/"),
            End("restore", 2, "corrupt", "backup/"),
        ],
    );
    assert_eq!(ground.run("verify").status.code(), Some(2));
}

#[test]
fn names_of_ten_thousand_characters_are_refused() {
    let ground = Ground::new();
    let long = "x".repeat(10_000);
    ground.change_catalog(|catalog| catalog.files[0].path = format!("tables/{long}"));
    ground.ends("a long path", &CATALOG_DAMAGED);
    let ground = Ground::new();
    ground.change_head(|head| head.backups[0].source = long);
    ground.ends("a long source", &STATE_DAMAGED);
}

#[test]
fn a_state_of_the_maximum_length_fits() {
    for (name, len) in [("junk", HEAD_MAX), ("too long", HEAD_MAX + 1), ("a TiB", 1 << 40)] {
        let ground = Ground::new();
        let (path, _) = ground.head();
        fs::File::create(path).unwrap().set_len(len).unwrap();
        ground.ends(name, &STATE_DAMAGED);
    }
}

#[test]
fn references_that_claim_the_maximum_are_refused() {
    for len in [CATALOG_MAX, CATALOG_MAX + 1, 1 << 60, u64::MAX] {
        let ground = Ground::new();
        ground.change_head(|head| head.backups[0].catalog.refs.len = len);
        ground.ends(&format!("references of {len} bytes"), &REFERENCES_DAMAGED);
    }
}
