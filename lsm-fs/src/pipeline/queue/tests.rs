//! Tests of the queue alone.

use super::*;
use std::thread;

#[test]
fn push_returns_the_job_if_there_is_no_finisher() {
    let queue = Queue::<_, ()>::new(2, 1);
    let _maker = queue.join(Role::Maker);
    assert_eq!(queue.push(1), Err(1), "no finisher");
    assert_eq!(queue.unfinished(), 1);
}

#[test]
fn push_waits_until_a_job_is_taken_or_no_finisher_is_left() {
    let queue = Queue::<_, ()>::new(1, 1);
    let _maker = queue.join(Role::Maker);
    let finisher = queue.join(Role::Finisher);
    queue.push(1).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| queue.push(2));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(second.join().unwrap(), Ok(()));
        let third = scope.spawn(|| queue.push(3));
        drop(finisher);
        assert_eq!(third.join().unwrap(), Err(3));
    });
}

#[test]
fn each_pop_wakes_a_waiting_maker() {
    let queue = Queue::<_, ()>::new(2, 1);
    let _parts = (queue.join(Role::Maker), queue.join(Role::Finisher));
    (0..2).for_each(|job| queue.push(job).unwrap());
    thread::scope(|scope| {
        let push = |job| {
            let queue = &queue;
            scope.spawn(move || queue.push(job))
        };
        let blocked = [2, 3].map(push);
        while queue.contents().blocked < 2 {
            thread::yield_now();
        }
        assert!(queue.pop().is_some() && queue.pop().is_some());
        blocked.into_iter().for_each(|maker| maker.join().unwrap().unwrap());
    });
    assert!(queue.pop().is_some() && queue.pop().is_some());
}

#[test]
fn finishers_wait_for_enough_jobs_or_the_end() {
    let queue = Queue::<_, ()>::new(4, 3);
    let maker = queue.join(Role::Maker);
    let _finisher = queue.join(Role::Finisher);
    (0..3).for_each(|job| queue.push(job).unwrap());
    assert_eq!(queue.pop(), Some(0), "three wait");
    thread::scope(|scope| {
        let second = scope.spawn(|| queue.pop());
        while queue.contents().idle == 0 {
            thread::yield_now();
        }
        drop(maker);
        assert_eq!(second.join().unwrap(), Some(1), "nothing more comes");
    });
    assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
}

#[test]
fn a_maker_without_descriptors_wakes_the_finishers() {
    let queue = Queue::<_, ()>::new(4, 3);
    let (_maker, _finisher) = (queue.join(Role::Maker), queue.join(Role::Finisher));
    queue.push(0).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| queue.pop());
        while queue.contents().idle == 0 {
            thread::yield_now();
        }
        queue.wait_for_fewer(1);
        assert_eq!(first.join().unwrap(), Some(0));
    });
}

#[test]
fn a_maker_without_descriptors_leaves_no_job_waiting_when_its_wait_ends() {
    let queue = Queue::<_, ()>::new(4, 3);
    let (_maker, _finisher) = (queue.join(Role::Maker), queue.join(Role::Finisher));
    (0..2).for_each(|job| queue.push(job).unwrap());
    queue.wait_for_fewer(1);
    for job in 0..2 {
        assert!(queue.contents().may_finish(3), "job {job} waits for more jobs");
        assert_eq!(queue.pop(), Some(job));
    }
    queue.push(2).unwrap();
    assert!(!queue.contents().may_finish(3), "the queue was empty");
}

#[test]
fn finishers_receive_the_remaining_jobs_and_then_the_end() {
    let queue = Queue::<_, ()>::new(2, 1);
    let maker = queue.join(Role::Maker);
    let _finisher = queue.join(Role::Finisher);
    queue.push(1).unwrap();
    drop(maker);
    assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
}

#[test]
fn a_single_result_is_received_while_the_batch_runs() {
    let queue = Queue::<(), _>::new(2, 1);
    let _finisher = queue.join(Role::Finisher);
    queue.report(7);
    let mut received = Vec::new();
    queue.take_results(&mut received);
    assert_eq!(received, [7]);
}

#[test]
fn threads_wait_for_the_receiver_until_it_is_dropped() {
    let queue = Queue::<(), _>::new(2, 1);
    let finisher = queue.join(Role::Finisher);
    let mut received = Vec::new();
    thread::scope(|scope| {
        let receiver = ReceiverGuard { queue: &queue };
        let reports = scope.spawn(|| (0..10 * RESULTS_MAX).for_each(|i| queue.report(i)));
        for _ in 0..5 {
            queue.take_results(&mut received);
            assert!((1..=RESULTS_MAX).contains(&received.len()), "{}", received.len());
            assert!(!reports.is_finished(), "nobody waited");
        }
        drop(receiver);
        reports.join().unwrap();
    });
    drop(finisher);
}

#[test]
fn every_result_is_received_once_and_then_the_end() {
    let queue = Queue::<(), _>::new(2, 1);
    let parts: Vec<_> = (0..4).map(|_| queue.join(Role::Finisher)).collect();
    let mut all = Vec::new();
    thread::scope(|scope| {
        for (thread, part) in parts.into_iter().enumerate() {
            let queue = &queue;
            scope.spawn(move || {
                (0..100).for_each(|i| queue.report(thread * 100 + i));
                drop(part);
            });
        }
        queue.receive(|result| all.push(result));
    });
    all.sort_unstable();
    assert_eq!(all, (0..400).collect::<Vec<_>>());
}
