//! The leftovers of killed commands, which a collect removes.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use lsm_checkpoint_store::{CollectOptions, CollectReport, Key, Location, Nonce, Repository, WriterId};

use crate::ground::{Db, Ground, objects, options, push, run};

/// A local repository with a backup.
struct Fixture {
    ground: Ground,
    repository: Repository,
}

impl Fixture {
    fn new() -> Self {
        let ground = Ground::new();
        let place = Location::local(ground.path("repository")).unwrap();
        let repository = run(Repository::init(place, options())).unwrap();
        run(push(&repository, &ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint")));
        Self { ground, repository }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.ground.path("repository").join(name)
    }

    /// Leaves a file that was last changed this many hours ago.
    fn leave(&self, name: &str, hours: u64) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"left").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        path
    }

    fn collect(&self) -> CollectReport {
        run(self.repository.collect(&CollectOptions::new().grace(Duration::ZERO))).unwrap()
    }
}

fn probe(number: u8) -> String {
    Key::Probe(Nonce([number; 16])).to_string()
}

#[test]
fn probes_are_removed_once_they_are_a_day_old() {
    let fixture = Fixture::new();
    let (old, young) = (fixture.leave(&probe(1), 25), fixture.leave(&probe(2), 23));
    let stranger = fixture.leave("probe/notes", 1000);
    let report = fixture.collect();
    assert_eq!((report.deleted_probes, report.deleted_objects), (1, 0));
    assert_eq!(report.stranger_names, ["probe/notes"]);
    assert_eq!([old.exists(), young.exists(), stranger.exists()], [false, true, true]);
    assert_eq!(
        objects(&fixture.at(""), "probe").len(),
        2,
        "the clock is read from a probe, which is removed"
    );
    assert_eq!(fixture.collect().deleted_probes, 0);
}

#[test]
fn staging_files_of_no_writer_are_removed_once_they_are_a_day_old() {
    let fixture = Fixture::new();
    let names = ["repository".to_owned(), Key::Head(7).to_string(), probe(1)];
    let old = names.clone().map(|name| fixture.leave(&format!("{name}#1"), 25));
    let young = names.map(|name| fixture.leave(&format!("{name}#2"), 23));
    let strangers = ["notes#1", "head/notes#1", "probe/x#1"].map(|name| fixture.leave(name, 1000));
    let report = fixture.collect();
    assert_eq!((report.deleted_staging_files, report.deleted_probes), (3, 0));
    assert!(old.iter().all(|path| !path.exists()));
    assert!(young.iter().chain(&strangers).all(|path| path.exists()));
    assert!(run(fixture.repository.check()).unwrap().is_sound());
}

#[test]
fn empty_folders_of_writers_that_are_not_registered_are_removed() {
    let fixture = Fixture::new();
    let writer = WriterId([7; 16]);
    let empty = ["data", "backup"].map(|kind| fixture.at(&format!("{kind}/{writer}")));
    let full = fixture.at(&format!("data/{}", WriterId([8; 16])));
    let stranger = fixture.at("data/a stranger");
    for folder in empty.iter().chain([&full, &stranger]) {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(full.join("notes"), b"x").unwrap();
    std::fs::write(fixture.at(&format!("backup/{}", WriterId([9; 16]))), b"a file, not a folder").unwrap();
    let report = fixture.collect();
    assert_eq!((report.deleted_objects, report.strangers), (0, 2));
    assert!(empty.iter().all(|folder| !folder.exists()));
    assert!(full.exists() && stranger.exists());
    let used = objects(&fixture.at(""), "data");
    assert!(!used.is_empty() && run(fixture.repository.check()).unwrap().is_sound());
}

/// The folder of a push that may go on stays, although it is empty.
#[test]
fn the_folder_of_a_registered_writer_stays() {
    let ground = Ground::new();
    let place = Location::local(ground.path("repository")).unwrap();
    let state = ground.path("state");
    std::fs::create_dir(&state).unwrap();
    let kept = options().state(std::sync::Arc::new(lsm_fs::StdFs), &state);
    let repository = run(Repository::init(place, kept)).unwrap();
    let checkpoint = ground.checkpoint(&Db::new("db", &[("1", b"one")]), "checkpoint");
    let cancelling = lsm_checkpoint_store::PushOptions::new().progress(std::sync::Arc::new(|progress| {
        if progress.files_done > 0 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }));
    run(crate::ground::push_with(&repository, &checkpoint, &cancelling)).unwrap_err();
    let writer = run(repository.status()).unwrap().writers[0].id;
    let folder = ground.path("repository").join(format!("backup/{writer}"));
    std::fs::create_dir_all(&folder).unwrap();
    run(repository.collect(&CollectOptions::new())).unwrap();
    assert!(folder.exists());
    assert!(run(repository.fence(writer)).unwrap());
    run(repository.collect(&CollectOptions::new())).unwrap();
    assert!(!folder.exists() && !ground.path("repository").join(format!("data/{writer}")).exists());
    assert!(!run(push(&repository, &checkpoint)).was_there);
}
