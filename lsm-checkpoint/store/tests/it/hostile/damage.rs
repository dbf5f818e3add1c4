//! Every object truncated, flipped, swapped with another, renamed, or missing.

use bytes::Bytes;

use super::garden::{Garden, Objects, assert_clear, errors};

/// Runs the tour on a damaged copy.
fn tour(garden: &Garden, what: &str, damage: impl FnOnce(&mut Objects)) -> usize {
    let mut objects = garden.objects.clone();
    damage(&mut objects);
    let outcomes = garden.tour(&objects);
    assert_clear(&outcomes, what);
    outcomes.iter().filter(|outcome| outcome.error.is_some()).count()
}

#[test]
fn an_undamaged_repository_passes_the_tour() {
    let garden = Garden::new(1);
    let outcomes = garden.tour(&garden.objects);
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
}

#[test]
fn a_truncated_object_is_noticed() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        for len in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            tour(&garden, &format!("{key} cut to {len}"), |objects| {
                objects.insert(key.clone(), bytes.slice(..len));
            });
        }
        tour(&garden, &format!("{key} with a tail"), |objects| {
            objects.insert(key.clone(), [&bytes[..], b"x"].concat().into());
        });
    }
}

#[test]
fn a_flipped_bit_is_noticed() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        let step = (bytes.len() / 100).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            tour(&garden, &format!("{key}, a bit of byte {at}"), |objects| {
                objects.insert(key.clone(), Bytes::from(flipped));
            });
        }
    }
}

#[test]
fn swapped_objects_are_noticed() {
    let garden = Garden::new(1);
    let keys: Vec<_> = garden.objects.keys().cloned().collect();
    for (at, one) in keys.iter().enumerate() {
        for two in &keys[at + 1..] {
            tour(&garden, &format!("{one} and {two} swapped"), |objects| {
                let (first, second) = (objects[one].clone(), objects[two].clone());
                objects.insert(one.clone(), second);
                objects.insert(two.clone(), first);
            });
        }
    }
}

#[test]
fn a_renamed_or_missing_object_is_noticed() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        tour(&garden, &format!("{key} is missing"), |objects| {
            objects.remove(key);
        });
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let turned: String = name.chars().rev().collect();
        tour(&garden, &format!("{key} is renamed"), |objects| {
            objects.remove(key);
            objects.insert(format!("{folder}/{turned}").trim_start_matches('/').to_owned(), bytes.clone());
        });
    }
}

/// A collector reads the references in catalogs, and no files. So a damaged catalog stops it, and a damaged file does
/// not.
#[test]
fn a_collector_stops_at_a_damaged_catalog() {
    let garden = Garden::new(1);
    let catalogs: Vec<_> = garden.objects.keys().filter(|key| key.starts_with("backup/")).cloned().collect();
    assert_eq!(catalogs.len(), 2);
    for key in catalogs {
        let mut objects = garden.objects.clone();
        objects.insert(key.clone(), Bytes::from_static(b"junk"));
        let outcomes = garden.tour(&objects);
        let errors = errors(&outcomes, "collect");
        assert!(errors.iter().any(|error| error.contains(&key)), "{outcomes:?}");
    }
}
