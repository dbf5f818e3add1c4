//! Every job is reported exactly once, in spite of failures and panics of the stages and of the caller.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicU64, AtomicUsize},
};

use super::*;

/// The course of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Succeeds,
    IsCancelled,
    MakeFails,
    MakePanics,
    FinishFails,
    FinishPanics,
    DiscardFails,
    DiscardPanics,
}

const COURSES: [Course; 7] = [
    Course::Succeeds,
    Course::MakeFails,
    Course::MakePanics,
    Course::FinishFails,
    Course::FinishPanics,
    Course::DiscardFails,
    Course::DiscardPanics,
];

const CREWS: [Crew; 7] = [
    Crew::CALLER,
    crew(1, 0, 0, 1),
    crew(4, 0, 0, 1),
    crew(1, 1, 1, 1),
    crew(1, 5, 8, 4),
    crew(3, 2, 2, 1),
    crew(8, 16, 16, 1),
];

const fn crew(makers: usize, finishers: usize, queued: usize, together: usize) -> Crew {
    Crew { makers, finishers, queued, together }
}

/// Stages that follow a course, and count the jobs that were made and neither finished nor discarded.
#[derive(Default)]
struct Scripted {
    stop: AtomicBool,
    reports_skipped: bool,
    begun: Mutex<Vec<Course>>,
    left: AtomicUsize,
    /// Maximum number of jobs that can be made and unfinished. 0 means no limit.
    handles: usize,
    most: AtomicUsize,
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Op::SyncAll, "job", io::Error::other(cause))
}

impl Stages for Scripted {
    type Job = Course;
    type Made = ();
    type Done = ();
    type Scratch = ();

    fn make(&self, _: usize, course: &Course, (): &mut ()) -> Result<()> {
        let left = self.left.fetch_add(1, Ordering::SeqCst) + 1;
        if self.handles > 0 && left > self.handles {
            self.left.fetch_sub(1, Ordering::SeqCst);
            return Err(Error::new(Op::Open, "job", io::Error::from_raw_os_error(crate::errno::EMFILE)));
        }
        self.most.fetch_max(left, Ordering::SeqCst);
        self.begun.lock().unwrap().push(*course);
        if matches!(course, Course::IsCancelled | Course::MakeFails | Course::MakePanics) {
            self.left.fetch_sub(1, Ordering::SeqCst);
            if *course == Course::IsCancelled {
                return Err(Error::cancelled(Op::CopyBatch, Path::new("job")));
            }
            assert!(*course == Course::MakeFails, "make panics");
            return Err(failed("make fails"));
        }
        Ok(())
    }

    fn finish(&self, course: &Course, (): ()) -> Result<()> {
        match course {
            Course::Succeeds => {}
            Course::FinishPanics => panic!("finish panics"),
            _ => return Err(failed("finish fails")),
        }
        self.left.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn discard(&self, course: &Course) -> Result<()> {
        self.left.fetch_sub(1, Ordering::SeqCst);
        assert!(*course != Course::DiscardPanics, "discard panics");
        if *course == Course::DiscardFails { Err(failed("discard fails")) } else { Ok(()) }
    }

    fn skip(&self, _: &Course) -> Option<Result<()>> {
        self.reports_skipped.then(|| Err(failed(cancelled())))
    }

    fn error(&self, _: &Course, cause: io::Error) -> Error {
        failed(cause)
    }

    fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}

/// The reports of a batch, the panic that it resumed, and the stages afterwards.
struct Ran {
    reports: BTreeMap<usize, Vec<Result<()>>>,
    panic: Option<String>,
    stages: Scripted,
}

fn ran(stages: Scripted, jobs: &[Course], crew: Crew, mut flow: impl FnMut(usize) -> ControlFlow<()>) -> Ran {
    let mut reports = BTreeMap::<usize, Vec<Result<()>>>::new();
    let caller = thread::current().id();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(&stages, jobs, crew, &mut |index, done| {
            assert_eq!(thread::current().id(), caller);
            reports.entry(index).or_default().push(done);
            flow(reports.len())
        });
    }));
    let text = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap()
    };
    Ran { reports, panic: panic.err().map(text), stages }
}

/// Returns courses from a fixed sequence of numbers.
fn courses(seed: u64, count: usize) -> Vec<Course> {
    let state = AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let next = || {
        let x = state.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.store(x, Ordering::Relaxed);
        usize::try_from(x >> 40).unwrap()
    };
    // Most jobs succeed, so that a batch makes progress before a panic.
    (0..count)
        .map(|_| if next() % 4 == 0 { COURSES[next() % COURSES.len()] } else { Course::Succeeds })
        .collect()
}

fn panics(course: Course) -> bool {
    matches!(course, Course::MakePanics | Course::FinishPanics | Course::DiscardPanics)
}

#[test]
fn every_job_is_reported_exactly_once() {
    for crew in CREWS {
        for seed in 0..40 {
            let jobs = courses(seed, 60);
            let stages = Scripted { reports_skipped: true, ..Scripted::default() };
            let ran = ran(stages, &jobs, crew, |_| ControlFlow::Continue(()));
            assert_eq!(ran.reports.len(), jobs.len(), "{crew:?} seed {seed}");
            assert!(ran.reports.values().all(|reports| reports.len() == 1), "{crew:?} seed {seed}");
            let begun = ran.stages.begun.into_inner().unwrap();
            assert_eq!(
                ran.panic.is_some(),
                begun.iter().any(|course| panics(*course)),
                "{crew:?} seed {seed}"
            );
            for (index, report) in ran.reports {
                let done = report.into_iter().next().unwrap();
                assert!(done.is_err() || jobs[index] == Course::Succeeds, "{crew:?} seed {seed} job {index}");
            }
            assert_eq!(ran.stages.left.into_inner(), 0, "{crew:?} seed {seed}: something was left");
        }
    }
}

#[test]
fn a_failed_job_keeps_its_cause_and_does_not_end_the_batch() {
    let jobs = [Course::MakeFails, Course::FinishFails, Course::DiscardFails, Course::Succeeds];
    for crew in CREWS {
        let ran = ran(Scripted::default(), &jobs, crew, |_| ControlFlow::Continue(()));
        let text = |index: usize| match &ran.reports[&index][..] {
            [Ok(())] => "ok".to_owned(),
            [Err(e)] => e.to_string(),
            more => panic!("{more:?}"),
        };
        assert_eq!(text(0), "sync_all job: make fails");
        assert_eq!(text(1), "sync_all job: finish fails");
        assert_eq!(
            text(2),
            "sync_all job: finish fails (and the clean-up failed: sync_all job: discard fails)"
        );
        assert_eq!((text(3), ran.panic), ("ok".into(), None));
    }
}

#[test]
fn an_observer_that_cancels_a_job_ends_the_batch() {
    for crew in CREWS {
        let mut jobs = [Course::Succeeds; 400];
        jobs[2] = Course::IsCancelled;
        let stages = Scripted { reports_skipped: true, ..Scripted::default() };
        let ran = ran(stages, &jobs, crew, |_| ControlFlow::Continue(()));
        assert_eq!(ran.reports.len(), 400, "{crew:?}");
        assert!(ran.stages.stop.into_inner(), "{crew:?}: nothing was stopped");
        // With threads, other jobs may have started before that.
        if crew == Crew::CALLER {
            assert_eq!(ran.stages.begun.into_inner().unwrap().len(), 3);
        }
    }
}

#[test]
fn a_break_reports_started_jobs_and_skips_the_others() {
    for crew in CREWS {
        for reports_skipped in [false, true] {
            let jobs = [Course::Succeeds; 400];
            let stages = Scripted { reports_skipped, ..Scripted::default() };
            let flow =
                |received| if received < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
            let ran = ran(stages, &jobs, crew, flow);
            let begun = ran.stages.begun.into_inner().unwrap().len();
            assert!((3..400).contains(&begun), "{crew:?}: {begun} begun");
            let durable = ran.reports.values().filter(|reports| matches!(&reports[..], [Ok(())])).count();
            let skipped = ran.reports.values().filter(|reports| matches!(&reports[..], [Err(_)])).count();
            assert_eq!(durable, begun, "{crew:?}");
            assert_eq!(skipped, if reports_skipped { 400 - begun } else { 0 }, "{crew:?}");
        }
    }
}

#[test]
fn a_panic_of_the_receiver_ends_the_batch_after_started_jobs() {
    for crew in CREWS {
        // More results than may wait for the receiver. No thread may wait after the receiver was dropped.
        let jobs = [Course::Succeeds; 400];
        let ran = ran(Scripted::default(), &jobs, crew, |received| {
            assert!(received < 3, "of the receiver");
            ControlFlow::Continue(())
        });
        assert_eq!(ran.panic.as_deref(), Some("of the receiver"));
        assert_eq!(ran.stages.left.into_inner(), 0, "{crew:?}: something was left");
        assert!(ran.stages.begun.into_inner().unwrap().len() < 400, "{crew:?}: the batch went on");
    }
}

#[test]
fn without_threads_calls_are_in_order_and_a_panic_resumes() {
    let jobs = [Course::Succeeds, Course::FinishPanics, Course::MakePanics];
    let mut order = Vec::new();
    let stages = Scripted::default();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        run(&stages, &jobs, Crew::CALLER, &mut |index, done| {
            order.push((index, done.is_ok(), stages.begun.lock().unwrap().len()));
            ControlFlow::Continue(())
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"finish panics"));
    assert_eq!(order, [(0, true, 1), (1, false, 2)], "the third job has not begun");
}

#[test]
fn a_batch_completes_with_few_handles() {
    for (makers, finishers, handles) in [(4, 2, 3), (16, 64, 1), (1, 16, 2), (2, 1, 1)] {
        let stages = Scripted { handles, ..Scripted::default() };
        let crew = crew(makers, finishers, 64, finishers.min(8));
        let ran = ran(stages, &[Course::Succeeds; 300], crew, |_| ControlFlow::Continue(()));
        assert!(ran.reports.values().all(|reports| matches!(&reports[..], [Ok(())])), "{crew:?}");
        assert_eq!((ran.reports.len(), ran.stages.most.into_inner()), (300, handles), "{crew:?}");
    }
}

#[test]
fn a_batch_that_cannot_gain_from_threads_gets_none() {
    let useful = crew(3, 5, 8, 1);
    let of = |concurrency, jobs| useful.if_useful(NonZeroUsize::new(concurrency).unwrap(), jobs);
    assert_eq!([of(1, 100), of(80, 1), of(80, 0)], [Crew::CALLER; 3]);
    assert_eq!(of(2, 2), useful);
}
