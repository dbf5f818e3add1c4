use super::*;

fn log(entries: &[&str]) -> Log {
    let entries = entries.iter().map(|entry| match entry.split_at(1) {
        ("m", step) => Entry::Mark(step.parse().unwrap()),
        ("f", _) => Entry::Flush,
        (_, place) => {
            let offset = place.parse::<u64>().unwrap() * 512;
            Entry::Write(Write { offset, bytes: [1; 512].into() })
        }
    });
    Log { base: Disk::default(), entries: entries.collect() }
}

const ALL: Amount = Amount { writes: 8, instants: 8, mixtures: 0 };

fn states(entries: &[&str], amount: Amount) -> Vec<(Vec<u8>, Vec<usize>)> {
    let states = crash_states(Kind::Ext4, &log(entries), amount, 1);
    states
        .into_iter()
        .map(|state| {
            let sectors = state.disk.read(0, 8 * 512).chunks(512).map(|sector| sector[0]).collect();
            (sectors, state.steps.into_iter().collect())
        })
        .collect()
}

#[test]
fn writes_since_the_last_flush_survive_in_any_combination() {
    let found = states(&["w0", "f", "m0", "w1", "m1", "w2", "m2"], ALL);
    let of = |sectors: [u8; 3]| {
        let found = found.iter().find(|(content, _)| content[..3] == sectors);
        found.map(|(_, steps)| steps.clone())
    };
    assert_eq!(found.len(), 4);
    assert_eq!(of([1, 0, 0]), Some(vec![0, 1, 2]));
    assert_eq!(of([1, 1, 0]), Some(vec![0, 1, 2]));
    assert_eq!(of([1, 0, 1]), Some(vec![1, 2]));
    assert_eq!(of([1, 1, 1]), Some(vec![1, 2]));
}

#[test]
fn a_flush_ends_the_choice() {
    let found = states(&["m0", "w0", "m1", "f", "m2", "w1", "m3"], ALL);
    let expected = [(vec![0, 0], vec![0, 1]), (vec![1, 0], vec![0, 1, 2, 3]), (vec![1, 1], vec![2, 3])];
    let found: Vec<_> = found.into_iter().map(|(content, steps)| (content[..2].to_vec(), steps)).collect();
    assert_eq!(found, expected);
}

#[test]
fn states_before_the_first_mark_are_left_out() {
    assert_eq!(states(&["w0", "f", "w1", "f"], ALL), []);
}

#[test]
fn a_torn_write_lacks_a_sector() {
    let write = Write { offset: 0, bytes: [1; 4096].into() };
    for seed in 0..100 {
        let mut disk = Disk::default();
        tear(&mut disk, &write, seed);
        assert!(disk.read(0, 4096).chunks(512).any(|sector| sector[0] == 0));
    }
}

#[test]
fn long_intervals_are_sampled_at_marks_and_between() {
    let names: Vec<String> = (0..8).map(|at| format!("w{at}")).collect();
    let mut entries = vec!["m0"];
    entries.extend(names.iter().map(String::as_str));
    let amount = Amount { writes: 2, instants: 4, mixtures: 3 };
    let found = states(&entries, amount);
    assert!((5..=1 + 5 * 4).contains(&found.len()), "{}", found.len());
    assert!(found.iter().any(|(content, _)| *content == [1; 8]));
}
