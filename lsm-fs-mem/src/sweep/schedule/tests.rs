use super::*;

#[test]
fn all_orders_are_distinct_and_complete() {
    let all: BTreeSet<String> = interleavings(3, 2, 100, 0).map(|schedule| schedule.to_string()).collect();
    assert_eq!(all.len(), 10);
    assert!(all.iter().all(|text| text.matches('a').count() == 3 && text.len() == 5));
    assert_eq!(interleavings(0, 0, 1, 0).map(|s| s.to_string()).collect::<Vec<_>>(), [""]);
}

#[test]
fn binomials_are_exact() {
    assert_eq!(binomial(12, 6), 924);
    assert_eq!(binomial(24, 12), 2_704_156);
    assert_eq!(binomial(5, 0), 1);
}

#[test]
fn a_schedule_runs_every_step_once() {
    let order = std::cell::RefCell::new(String::new());
    let step = |letter: char| {
        Box::new({
            let order = &order;
            move |_: &MemFs| order.borrow_mut().push(letter)
        }) as Step<'_>
    };
    let schedule: Schedule = "abba".parse().unwrap();
    schedule.run(&MemFs::new(), [vec![step('1'), step('2')], vec![step('3'), step('4'), step('5')]]);
    assert_eq!(*order.borrow(), "13425", "what the schedule does not know of comes last");
    assert!("abc".parse::<Schedule>().is_err());
}
