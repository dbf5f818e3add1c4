//! The conformance suite: correct engines pass, and each mistake is found by the check that is named for it.

mod adapter;
mod files;
mod layout;
mod mini;
mod mistake;
mod watched;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_checkpoint::conformance::{Depth, Failure, Subject, checks, run};
use lsm_fs::{Fs, FsExt, StdFs};

use layout::Layout;
use mistake::{FOUND, Mistake};
use watched::Watched;

fn subject(layout: Layout, mistake: Mistake) -> Subject {
    Subject::on_fs(move |fs, dir| adapter::open(fs, dir, layout, mistake))
}

#[test]
fn a_correct_engine_passes() {
    let report = run(&subject(Layout::Current, Mistake::None));
    println!("{report}");
    report.assert_conforms_without_exemption();
    assert!(
        report.to_string().contains("sampled         between::compaction_at_any_step_spoils_nothing: 24 of ")
    );
}

#[test]
fn a_correct_engine_passes_at_every_step_and_call() {
    for name in [
        "between::compaction_at_any_step_spoils_nothing",
        "faults::a_failure_at_any_call_leaves_nothing_half_done",
    ] {
        let check = checks().find(|check| check.name == name).expect(name);
        check.run(&subject(Layout::Current, Mistake::None).depth(Depth::Full)).unwrap();
    }
}

#[test]
fn a_correct_engine_that_opens_the_highest_version_passes() {
    run(&subject(Layout::Highest, Mistake::None)).assert_conforms_without_exemption();
}

#[test]
fn a_correct_engine_with_all_files_in_one_directory_passes() {
    run(&subject(Layout::Flat, Mistake::None)).assert_conforms_without_exemption();
}

#[test]
fn each_mistake_is_found_by_its_check() {
    for &(mistake, name) in FOUND {
        let check = checks().find(|check| check.name == name).expect(name);
        match check.run(&subject(Layout::Current, mistake)) {
            Err(Failure::Violated(text)) => println!("{mistake:?}\n  {name}: {text}\n"),
            other => panic!("{mistake:?} is not found by {name}: {other:?}"),
        }
    }
}

#[test]
fn an_engine_that_unlinks_in_the_background_is_checked_after_closing() {
    let name = "between::a_checkpoint_lets_go_of_its_files";
    let check = checks().find(|check| check.name == name).expect(name);
    let in_background = |mistake| {
        Subject::on_fs(move |fs, dir| {
            let tree = adapter::open(fs, dir, Layout::Current, mistake)?;
            Ok(Box::new(adapter::InBackground(tree)))
        })
    };
    check.run(&in_background(Mistake::UnlinksLater)).unwrap();
    for (mistake, found) in [
        (Mistake::UnlinksLaterUntilACapture, "still exists after a checkpoint and a compaction"),
        (Mistake::KeepsAGuard, "the pause still holds"),
    ] {
        match check.run(&in_background(mistake)) {
            Err(Failure::Violated(text)) => assert!(text.contains(found), "{text}"),
            other => panic!("{mistake:?}: {other:?}"),
        }
    }
    // While the tree is open, the mistake cannot be detected.
    check.run(&subject(Layout::Current, Mistake::UnlinksLaterUntilACapture)).unwrap();
}

/// A fault at a call that never comes tests nothing. All trees but the first have a layout that makes fewer calls.
#[test]
fn an_engine_that_does_less_work_the_next_time_is_found() {
    let is_first = AtomicBool::new(true);
    let subject = Subject::on_fs(move |fs, dir| {
        let layout = if is_first.swap(false, Ordering::Relaxed) { Layout::Current } else { Layout::Flat };
        adapter::open(fs, dir, layout, Mistake::None)
    });
    let name = "faults::a_failure_at_any_call_leaves_nothing_half_done";
    let check = checks().find(|check| check.name == name).expect(name);
    match check.run(&subject.depth(Depth::Full)) {
        Err(Failure::Violated(text)) => assert!(text.contains("of an equal run did not come"), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// A check that no mistake turns red might be unable to fail.
#[test]
fn each_check_fails_for_some_mistake() {
    let failing: BTreeSet<_> = FOUND.iter().map(|&(_, name)| name).collect();
    assert_eq!(failing, checks().map(|check| check.name).collect());
}

#[test]
fn the_report_of_an_engine_on_the_host_lists_checks_that_did_not_run() {
    // Run on a tmpfs if the host has one, because the run makes several thousand syncs.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    // A run that was killed may have left this.
    let stray = dir.path().join("conformance-0/data/db/tables/1");
    StdFs.create_dir_all(&stray).unwrap();
    let lost = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&lost);
    let report = run(&Subject::on_host(dir.path(), move |dir| {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let tree = adapter::open(&fs, dir, Layout::Current, Mistake::None)?;
        Ok(Box::new(Watched { tree, dir: dir.to_owned(), lost: Arc::clone(&seen) }))
    }));
    println!("{report}");
    report.assert_conforms();
    assert!(!lost.load(Ordering::Relaxed), "a directory was removed before its tree was closed");
    assert!(StdFs.exists(&stray).unwrap(), "the leftover of another run is left alone");
    assert_eq!(StdFs.read_dir(dir.path()).unwrap().len(), 1, "the directories of this run are removed");
    let idle: Vec<_> = report.not_applicable().map(|outcome| outcome.check.name).collect();
    assert!(idle.iter().all(|name| name.starts_with("crashes::")) && idle.len() == 2, "{idle:?}");
}
