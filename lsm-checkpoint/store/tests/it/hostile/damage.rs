//! Every object truncated, flipped, swapped with another, renamed, or missing.

use bytes::Bytes;
use lsm_checkpoint_store::proof::{Constants, Head};
use lsm_checkpoint_store::{Backup, Defect, Key, ObjectName};

use super::ends::{End, Ends};
use super::expected::expected;
use super::garden::{Garden, Objects, catalog_key};

/// The place of the first section in an archive. In front of it is a copy of the table of contents, which is read only
/// if the one at the end is damaged.
const FIRST_SECTION: usize = 4096;

/// Runs the tour on a damaged copy.
fn examine(garden: &Garden, what: &str, damage: impl FnOnce(&mut Objects)) {
    let objects = garden.changed(damage);
    garden.assert_tour(&objects, &expected(garden, &objects), what);
}

/// Runs the tour, and compares the ends with those in a table. The function [`expected`] must agree with the table.
fn compare(garden: &Garden, objects: &Objects, ends: &Ends, what: &str) {
    assert_eq!(expected(garden, objects), *ends, "{what}: the table and the function differ");
    garden.assert_tour(objects, ends, what);
}

fn flip(garden: &Garden, key: &str, at: usize) -> Objects {
    let mut bytes = garden.objects[key].to_vec();
    bytes[at] ^= 1 << (at % 8);
    garden.with(key, bytes)
}

/// The ends if a verification finds a damaged object, and so do the restores of these backups.
fn found_by_reading(key: &str, defect: &Defect, is_needed: [bool; 2]) -> Ends {
    let end = |is_needed| if is_needed { End::corrupt(key, defect) } else { End::Sound };
    Ends { verify: End::reported(key, defect), restore: is_needed.map(end), ..Ends::sound() }
}

/// The same, if a check finds it, too.
fn found_by_listing(key: &str, defect: &Defect, is_needed: [bool; 2]) -> Ends {
    Ends { check: End::reported(key, defect), ..found_by_reading(key, defect, is_needed) }
}

/// The same, if a collect also needs these bytes.
fn found_by_collecting(key: &str, defect: &Defect, is_needed: [bool; 2]) -> Ends {
    Ends { collect: End::corrupt(key, defect), ..found_by_listing(key, defect, is_needed) }
}

#[test]
fn an_undamaged_repository_passes_the_tour() {
    let garden = Garden::new(1);
    assert_eq!(garden.objects.len(), 1 + 5 + 2 + 3, "constants, states, catalogs, data");
    compare(&garden, &garden.objects, &Ends::sound(), "undamaged");
}

#[test]
fn a_flipped_bit_stops_the_verbs_that_read_it() {
    let garden = Garden::new(1);
    let [first, second] = garden.backups();
    let [one, shared] = [b"one".as_slice(), b"shared"].map(|table| garden.table(table));
    let start = |backup: &Backup| usize::try_from(backup.catalog.refs.offset).unwrap();
    let last = |key: &str| garden.objects[key].len() - 1;
    let (of_first, of_second) = (catalog_key(&first), catalog_key(&second));
    let digest = &Defect::Digest;
    let rows = [
        (Key::Head(1).to_string(), FIRST_SECTION, Ends::sound()),
        (of_first.clone(), start(&first), found_by_collecting(&of_first, digest, [true, false])),
        (of_second.clone(), start(&second), found_by_collecting(&of_second, digest, [false, true])),
        (of_first.clone(), last(&of_first), found_by_reading(&of_first, digest, [true, false])),
        (of_second.clone(), last(&of_second), found_by_reading(&of_second, digest, [false, true])),
        (one.clone(), 0, found_by_reading(&one, digest, [true, false])),
        (
            shared.clone(),
            0,
            Ends { pushed: End::corrupt(&shared, digest), ..found_by_reading(&shared, digest, [true, true]) },
        ),
    ];
    for (key, at, ends) in rows {
        compare(&garden, &flip(&garden, &key, at), &ends, &format!("{key}, a bit of byte {at}"));
    }
}

#[test]
fn a_flipped_bit_of_the_newest_state_or_the_constants_stops_all_verbs() {
    let garden = Garden::new(1);
    let (number, state) = (garden.head().number, garden.head_key());
    let objects = flip(&garden, &state, FIRST_SECTION);
    let defect = Head::decode(number, objects[&state].to_vec()).unwrap_err();
    compare(&garden, &objects, &Ends::all(&End::corrupt(&state, &defect)), &state);
    let constants = Key::Repository.to_string();
    let objects = flip(&garden, &constants, FIRST_SECTION);
    let defect = Constants::decode(objects[&constants].to_vec()).unwrap_err();
    compare(&garden, &objects, &Ends::all(&End::corrupt(&constants, &defect)), &constants);
}

#[test]
fn a_missing_object_stops_the_verbs_that_need_it() {
    let garden = Garden::new(1);
    let [first, second] = garden.backups();
    let [one, two, shared] = [b"one".as_slice(), b"two", b"shared"].map(|table| garden.table(table));
    let (of_first, of_second) = (catalog_key(&first), catalog_key(&second));
    let constants = Key::Repository.to_string();
    let missing = &Defect::Missing;
    let ends_of_shared =
        Ends { pushed: End::corrupt(&shared, missing), ..found_by_listing(&shared, missing, [true, true]) };
    // Without the newest state, a client that has never seen it finds the state before the last commit, in which the
    // second push is registered. So a collect spares its objects.
    let before_commit = Ends { restore: [End::Sound, End::NoSuchBackup(second.id)], ..Ends::sound() };
    let rows = [
        (constants.clone(), Ends::all(&End::corrupt(&constants, missing))),
        (Key::Head(1).to_string(), Ends::sound()),
        (garden.head_key(), before_commit),
        (of_first.clone(), found_by_collecting(&of_first, missing, [true, false])),
        (of_second.clone(), found_by_collecting(&of_second, missing, [false, true])),
        (one.clone(), found_by_listing(&one, missing, [true, false])),
        (two.clone(), found_by_listing(&two, missing, [false, true])),
        (shared.clone(), ends_of_shared),
    ];
    for (key, ends) in rows {
        let objects = garden.changed(|objects| drop(objects.remove(&key)));
        compare(&garden, &objects, &ends, &format!("{key} is missing"));
    }
}

#[test]
fn every_truncated_object_is_noticed_by_the_verbs_that_read_it() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        for len in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            examine(&garden, &format!("{key} cut to {len}"), |objects| {
                objects.insert(key.clone(), bytes.slice(..len));
            });
        }
        examine(&garden, &format!("{key} with a tail"), |objects| {
            objects.insert(key.clone(), [&bytes[..], b"x"].concat().into());
        });
    }
}

#[test]
fn every_flipped_bit_is_noticed_by_the_verbs_that_read_it_or_harmless() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        for at in (0..bytes.len()).step_by((bytes.len() / 100).max(1)) {
            let objects = flip(&garden, key, at);
            let ends = expected(&garden, &objects);
            let is_noticed = key.starts_with("backup/") || key.starts_with("data/");
            assert!(!is_noticed || ends.verify != End::Sound, "a verification reads all of {key}");
            garden.assert_tour(&objects, &ends, &format!("{key}, a bit of byte {at}"));
        }
    }
}

#[test]
fn swapped_objects_are_noticed_by_the_verbs_that_read_them() {
    let garden = Garden::new(1);
    let keys: Vec<_> = garden.objects.keys().collect();
    for (at, &one) in keys.iter().enumerate() {
        for &two in &keys[at + 1..] {
            examine(&garden, &format!("{one} and {two} swapped"), |objects| {
                let [of_one, of_two]: [Bytes; 2] = [one, two].map(|key| garden.objects[key].clone());
                objects.insert(one.clone(), of_two);
                objects.insert(two.clone(), of_one);
            });
        }
    }
}

/// Under a name that no repository makes, an object stays where it is. Under the name of another object, a collect
/// takes data for garbage, and a state is one with a wrong number.
#[test]
fn renamed_objects_are_missed() {
    let garden = Garden::new(1);
    for (key, bytes) in &garden.objects {
        for name in [format!("{key}.old"), other_name(Key::parse(key).unwrap()).to_string()] {
            examine(&garden, &format!("{key} renamed to {name}"), |objects| {
                objects.remove(key);
                objects.insert(name.clone(), bytes.clone());
            });
        }
    }
}

/// Returns a key of the same form. There is only one key of the constants, so they become a state.
fn other_name(key: Key) -> Key {
    let turned = |mut name: ObjectName| {
        name.nonce.0.reverse();
        name
    };
    match key {
        Key::Repository => Key::Head(100),
        Key::Head(number) => Key::Head(number + 100),
        Key::Catalog(name) => Key::Catalog(turned(name)),
        Key::Data(name) => Key::Data(turned(name)),
        Key::Probe(_) => key,
    }
}

#[test]
fn a_collect_deletes_a_table_only_under_its_new_name() {
    let garden = Garden::new(1);
    let one = garden.table(b"one");
    let new = other_name(Key::parse(&one).unwrap()).to_string();
    let objects = garden.changed(|objects| {
        let bytes = objects.remove(&one).unwrap();
        objects.insert(new.clone(), bytes);
    });
    let ends = found_by_listing(&one, &Defect::Missing, [true, false]);
    compare(&garden, &objects, &Ends { deleted: vec![new], ..ends }, "a table under a new name");
}
