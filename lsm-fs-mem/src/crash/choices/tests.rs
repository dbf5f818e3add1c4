use super::*;

fn bounds(values: &[u32]) -> Vec<Bounds> {
    values.iter().map(|values| Bounds { lowest: 0, full: 1, values: *values, of: *values }).collect()
}

#[test]
fn the_systematic_states_cover_known_bugs() {
    let axes = bounds(&[2; 15]);
    let states = Systematic::new(&axes, 15).choices;
    let state = |kept: &dyn Fn(usize) -> bool| (0..15).map(|at| u32::from(kept(at))).collect::<Choice>();
    assert!(states.contains(&state(&|_| false)) && states.contains(&state(&|_| true)));
    for i in 0..15 {
        assert!(states.contains(&state(&|at| at < i)), "the prefix before {i}");
        assert!(states.contains(&state(&|at| at != i)), "all but {i}");
        assert!(states.contains(&state(&|at| at == i)), "{i} alone");
        for lost in 0..i {
            assert!(states.contains(&state(&|at| at <= i && at != lost)), "{i} without {lost}");
        }
    }
    let with_samples = Systematic::new(&axes, 15).with_samples(100, 1);
    assert!(with_samples.len() > states.len() + 90);
    assert!(with_samples.is_superset(&states));
}

/// With many axes, a change is tried without each of its nearest predecessors, and not without all earlier changes in
/// turn: a thousand names have half a million pairs.
#[test]
fn each_of_many_things_is_tried_without_its_predecessors() {
    let axes = bounds(&[2; 300]);
    let states = Systematic::new(&axes, 8).choices;
    assert!(states.len() < 300 * (8 + 6), "{}", states.len());
    for (i, lost) in [(9, 8), (9, 1), (299, 298), (299, 291)] {
        let state: Choice = (0..300).map(|at| u32::from(at <= i && at != lost)).collect();
        assert!(states.contains(&state), "{i} without {lost}");
    }
}

#[test]
fn every_class_is_tried_beside_everything_and_beside_nothing() {
    let axes = bounds(&[2, 7, 2]);
    let states = Systematic::new(&axes, 15).choices;
    for class in 0..7 {
        for rest in 0..2 {
            assert!(states.contains(&vec![rest, class, rest]), "{class} beside {rest}");
        }
    }
}

#[test]
fn an_exhaustive_enumeration_has_each_choice_once() {
    let all = |axes: Vec<Bounds>, lowest: Choice| Choices {
        axes,
        kind: Kind::All(Some(lowest)),
        has_all_contents: true,
    };
    let mut choices = all(bounds(&[2, 3]), vec![0, 0]).collect::<BTreeSet<_>>();
    assert_eq!(choices.len(), 6);
    assert_eq!(choices.pop_last(), Some(vec![1, 2]));
    let fixed = vec![
        Bounds { lowest: 1, full: 1, values: 2, of: 2 },
        Bounds { lowest: 0, full: 1, values: 2, of: 2 },
    ];
    let choices: Vec<_> = all(fixed, vec![1, 0]).collect();
    assert_eq!(choices, [[1, 0], [1, 1]]);
    assert_eq!(all(Vec::new(), Vec::new()).count(), 1);
}
