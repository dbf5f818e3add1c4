//! The errors that need a store or other clients to go wrong: for each verb, the variant and a message that names the
//! operation or the object, the cause, and the next step.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lsm_checkpoint_store::{
    BackupId, CollectOptions, Error, Key, Location, PushOptions, ReadOptions, Repository, VerifyOptions,
    WriterId,
};
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};

use crate::{
    ground::{Db, Ground, options, push, push_with, run},
    hooked::{Hooked, Seen, denied, down},
};

/// The verbs that read, and those that write.
const READERS: [&str; 5] = ["list", "status", "check", "verify", "files"];
const WRITERS: [&str; 5] = ["push", "forget", "undo", "fence", "collect"];

/// A repository in memory with a backup, a forgotten one, and a checkpoint that was not pushed.
struct Fixture {
    _ground: Ground,
    store: Arc<InMemory>,
    backup: BackupId,
    forgotten: BackupId,
    checkpoint: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let (ground, store) = (Ground::new(), Arc::new(InMemory::new()));
        // The probe of the store has tests of its own.
        let place = Location::of_store(store.clone(), "");
        let repository = run(Repository::init(place, options().probe_rounds(1))).unwrap();
        let db = Db::new("db", &[("1", b"one")]);
        let forgotten = run(push(&repository, &ground.checkpoint(&db, "first"))).backup.id;
        db.add("2", b"two");
        let backup = run(push(&repository, &ground.checkpoint(&db, "second"))).backup.id;
        run(repository.forget(&[forgotten])).unwrap();
        db.add("3", b"three");
        let checkpoint = ground.checkpoint(&db, "third");
        Self { _ground: ground, store, backup, forgotten, checkpoint }
    }

    /// Opens the repository on a store with a hook that acts once it is open.
    fn open(
        &self,
        hook: impl Fn(Seen, &Path) -> object_store::Result<()> + Send + Sync + 'static,
    ) -> Repository {
        let is_open = Arc::new(AtomicBool::new(false));
        let acts = Arc::clone(&is_open);
        let place = Hooked::place(&self.store, move |seen, path| match acts.load(Ordering::Relaxed) {
            true => hook(seen, path),
            false => Ok(()),
        });
        let repository = run(Repository::open(place, options())).unwrap();
        is_open.store(true, Ordering::Relaxed);
        repository
    }

    fn call(&self, verb: &str, repository: &Repository) -> Result<(), Error> {
        match verb {
            "list" => run(repository.list()).map(drop),
            "status" => run(repository.status()).map(drop),
            "check" => run(repository.check()).map(drop),
            "verify" => run(repository.verify(&VerifyOptions::new())).map(drop),
            "files" => run(repository.files(self.backup, &ReadOptions::new())).map(drop),
            "push" => run(push_with(repository, &self.checkpoint, &PushOptions::new())).map(drop),
            "forget" => run(repository.forget(&[self.backup])),
            "undo" => run(repository.undo(&[self.forgotten])),
            "fence" => run(repository.fence(WriterId([7; 16]))).map(drop),
            "collect" => {
                let options = CollectOptions::new().grace(Duration::ZERO);
                run(repository.collect(&options)).map(drop)
            }
            verb => panic!("{verb}"),
        }
    }
}

/// Asserts that a message has all these parts.
fn assert_says(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    assert!(parts.iter().all(|part| message.contains(part)), "{message} lacks one of {parts:?}");
}

fn is_below(path: &Path, folder: &str) -> bool {
    path.as_ref().starts_with(folder)
}

#[test]
fn a_refused_list_or_read_is_denied_for_each_verb() {
    for (seen_at, right, key) in
        [(Seen::BeforeList, "list", "head"), (Seen::BeforeGet, "read", "head/00000000000000000005")]
    {
        for verb in READERS.into_iter().chain(WRITERS) {
            let fixture = Fixture::new();
            let repository =
                fixture.open(move |seen, path| match seen == seen_at && is_below(path, "head") {
                    true => Err(denied(path)),
                    false => Ok(()),
                });
            let error = fixture.call(verb, &repository).unwrap_err();
            let is_right = matches!(&error, Error::Denied { right: missing, .. } if *missing == right);
            assert!(is_right, "{verb}: {error}");
            assert_says(&error, &[key, &format!("may not {right} it"), "denied", "OPERATING.md"]);
        }
    }
}

#[test]
fn a_refused_write_is_denied_for_each_verb() {
    for verb in WRITERS {
        let fixture = Fixture::new();
        // A fence of a writer that is not registered writes no state, but it also tries to create the constants again.
        let folder = if verb == "fence" { "repository" } else { "head/" };
        let repository =
            fixture.open(move |seen, path| match seen == Seen::BeforePut && is_below(path, folder) {
                true => Err(denied(path)),
                false => Ok(()),
            });
        let error = fixture.call(verb, &repository).unwrap_err();
        assert!(matches!(error, Error::Denied { right: "write", .. }), "{verb}: {error}");
        assert_says(&error, &[folder, "may not write it", "denied", "OPERATING.md"]);
    }
    for folder in ["data/", "backup/"] {
        let fixture = Fixture::new();
        let repository =
            fixture.open(move |seen, path| match seen == Seen::BeforePut && is_below(path, folder) {
                true => Err(denied(path)),
                false => Ok(()),
            });
        let error = fixture.call("push", &repository).unwrap_err();
        assert!(matches!(error, Error::Denied { right: "write", .. }), "{folder}: {error}");
        assert_says(&error, &[folder, "may not write it", "denied", "OPERATING.md"]);
    }
}

/// The clients of S3 and Azure report a key that a bulk delete leaves as a general error. Its text alone has the code.
#[test]
fn a_refused_delete_ends_a_collect_at_once() {
    let texts = [
        "DeleteObjects request failed for key data/x: Access Denied (code: AccessDenied)",
        "Bulk delete request failed for key data/x: Not authorized (code: 403)",
    ];
    for text in texts {
        let fixture = Fixture::new();
        let deletes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&deletes);
        let repository = fixture.open(move |seen, _| {
            if seen != Seen::BeforeDelete {
                return Ok(());
            }
            counted.fetch_add(1, Ordering::Relaxed);
            Err(object_store::Error::Generic { store: "S3", source: text.into() })
        });
        let error = fixture.call("collect", &repository).unwrap_err();
        assert!(matches!(error, Error::Denied { right: "delete", .. }), "{error}");
        assert_says(&error, &["data", "may not delete it", text, "OPERATING.md"]);
        assert_eq!(deletes.load(Ordering::Relaxed), 1, "it is not repeated");
    }
}

#[test]
fn a_delete_that_fails_otherwise_is_repeated() {
    let fixture = Fixture::new();
    let deletes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&deletes);
    let repository = fixture.open(move |seen, _| {
        let is_first = seen == Seen::BeforeDelete && counted.fetch_add(1, Ordering::Relaxed) == 0;
        let source = "DeleteObjects request failed for key data/x: try again (code: InternalError)".into();
        if is_first { Err(object_store::Error::Generic { store: "S3", source }) } else { Ok(()) }
    });
    fixture.call("collect", &repository).unwrap();
    assert!(deletes.load(Ordering::Relaxed) > 1);
}

#[test]
fn a_change_without_an_answer_is_unknown_for_each_verb() {
    for verb in ["push", "forget", "undo", "collect"] {
        let fixture = Fixture::new();
        let registered = Arc::new(AtomicBool::new(verb == "push"));
        let other = run(Repository::open(Location::of_store(fixture.store.clone(), ""), options())).unwrap();
        let before = run(other.status()).unwrap().state;
        let repository = fixture.open(move |seen, path| {
            let is_state = seen == Seen::BeforePut && is_below(path, "head/");
            // A push registers its writer first, and its commit gets no answer.
            let is_spared = is_state && registered.swap(false, Ordering::Relaxed);
            if is_state && !is_spared { Err(down()) } else { Ok(()) }
        });
        let error = fixture.call(verb, &repository).unwrap_err();
        assert!(matches!(error, Error::Unknown { .. }), "{verb}: {error}");
        let change = match verb {
            "push" => "backup ",
            "forget" => "forgetting backups in ",
            "undo" => "bringing backups back in ",
            _ => "dropping forgotten backups in ",
        };
        let place = repository.location().place();
        assert_says(&error, &[change, place, "may still be committed", "503", "run the command again"]);
        let after = run(other.status()).unwrap().state;
        assert_eq!(after, before + u64::from(verb == "push"), "{verb}");
        fixture.call(verb, &other).unwrap();
    }
}

#[test]
fn an_unknown_fence_names_its_writer() {
    let ground = Ground::new();
    let state = ground.path("state");
    std::fs::create_dir(&state).unwrap();
    let store = Arc::new(InMemory::new());
    let kept = options().state(Arc::new(lsm_fs::StdFs), &state);
    let other = run(Repository::init(Location::of_store(store.clone(), ""), kept)).unwrap();
    let cancelling = PushOptions::new().progress(Arc::new(|progress| {
        if progress.files_done > 0 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }));
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    run(push_with(&other, &checkpoint, &cancelling)).unwrap_err();
    let writer = run(other.status()).unwrap().writers[0].id;
    let place = Hooked::place(&store, |seen, path| {
        if seen == Seen::BeforePut && is_below(path, "head/") { Err(down()) } else { Ok(()) }
    });
    let repository = run(Repository::open(place, options())).unwrap();
    let error = run(repository.fence(writer)).unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    assert_says(
        &error,
        &[&format!("fencing writer {writer}"), "may still be committed", "503", "run the command again"],
    );
    assert!(run(other.fence(writer)).unwrap());
}

/// Each state that is listed has gone when it is read, as if other clients had made K states meanwhile.
#[test]
fn a_state_that_is_always_overtaken_is_contended_for_each_verb() {
    for verb in READERS.into_iter().chain(WRITERS) {
        let fixture = Fixture::new();
        let repository =
            fixture.open(|seen, path| match seen == Seen::BeforeGet && is_below(path, "head/") {
                true => Err(object_store::Error::NotFound { path: path.to_string(), source: "gone".into() }),
                false => Ok(()),
            });
        let error = fixture.call(verb, &repository).unwrap_err();
        assert!(matches!(error, Error::Contended { .. }), "{verb}: {error}");
        let place = repository.location().place();
        assert_says(&error, &[place, "reading the newest state", "other clients", "try again"]);
    }
}

/// Other collectors fence the push each time that it has sent its catalog.
#[test]
fn a_push_that_is_fenced_three_times_gives_up() {
    let fixture = Fixture::new();
    let other = run(Repository::open(Location::of_store(fixture.store.clone(), ""), options())).unwrap();
    let fencing = other.clone();
    let repository = fixture.open(move |seen, path| {
        if seen == Seen::AfterPut && is_below(path, "backup/") {
            let work = || {
                for writer in run(fencing.status()).unwrap().writers {
                    assert!(run(fencing.fence(writer.id)).unwrap());
                }
            };
            std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        }
        Ok(())
    });
    let error = fixture.call("push", &repository).unwrap_err();
    assert!(matches!(error, Error::Fenced { times: 3, .. }), "{error}");
    let place = repository.location().place();
    assert_says(
        &error,
        &[place, "took this push for dead 3 times", "writer", "raise their idle limit", "push again"],
    );
    assert_eq!(run(other.list()).unwrap().len(), 1);
    fixture.call("push", &other).unwrap();
}

/// Makes an object of the next format.
fn of_next_format(section: &str) -> Vec<u8> {
    let payload = [2_u32.to_le_bytes().as_slice(), &[0; 8]].concat();
    let sections = [(section, payload.as_slice())];
    let options = lsm_manifest::WriteOptions::new();
    lsm_manifest::encode_archive(std::path::Path::new("object"), &options, sections).unwrap()
}

#[test]
fn a_newer_state_is_unsupported_for_each_verb() {
    for verb in READERS.into_iter().chain(WRITERS) {
        let fixture = Fixture::new();
        let repository = fixture.open(|_, _| Ok(()));
        let key = Key::Head(99).to_string();
        run(fixture.store.put(&Path::from(key.as_str()), of_next_format("head").into())).unwrap();
        let error = fixture.call(verb, &repository).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{verb}: {error}");
        assert_says(&error, &[&key, "format 2", "use a newer version"]);
    }
}

#[test]
fn a_newer_repository_is_unsupported() {
    let fixture = Fixture::new();
    run(fixture.store.put(&Path::from("repository"), of_next_format("repository").into())).unwrap();
    let place = Location::of_store(fixture.store.clone(), "");
    let error = run(Repository::open(place, options())).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert_says(&error, &["repository", "format 2", "use a newer version"]);
}

/// The clients of the clouds lose the whole page if one of its keys is no path.
#[test]
fn a_list_with_a_key_that_is_no_path_names_the_key() {
    for (folder, verbs) in [("head", &["list", "push"][..]), ("data", &["check", "collect"])] {
        for verb in verbs {
            let fixture = Fixture::new();
            let lists = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&lists);
            let repository = fixture.open(move |seen, path| {
                if seen != Seen::BeforeList || !is_below(path, folder) {
                    return Ok(());
                }
                counted.fetch_add(1, Ordering::Relaxed);
                let source = Path::parse(format!("{folder}//1")).unwrap_err();
                Err(object_store::Error::InvalidPath { source })
            });
            let error = fixture.call(verb, &repository).unwrap_err();
            assert!(matches!(error, Error::OddKey { .. }), "{verb}: {error}");
            assert_says(&error, &[folder, &format!("{folder}//1"), "delete the object", "own tool"]);
            assert_eq!(lists.load(Ordering::Relaxed), 1, "{verb} does not repeat the list");
        }
    }
}
