//! States of another repository, empty lists, and foreign keys.

use bytes::Bytes;
use lsm_checkpoint_store::proof::{Constants, Head};
use lsm_checkpoint_store::{CollectOptions, Defect, Key};

use super::ends::{End, Ends};
use super::garden::{Garden, Objects, block_on, open, stored};

/// Runs the tour, and asserts that each verb ends in the same way.
fn assert_all(garden: &Garden, objects: &Objects, end: &End, what: &str) {
    garden.assert_tour(objects, &Ends::all(end), what);
}

#[test]
fn a_junk_state_with_the_highest_number_stops_all_verbs() {
    let garden = Garden::new(1);
    let newest = garden.objects[&garden.head_key()].clone();
    for number in [99, 1000, u64::MAX] {
        for bytes in [Bytes::new(), Bytes::from_static(b"junk"), newest.clone()] {
            let key = Key::Head(number).to_string();
            let defect = Head::decode(number, bytes.to_vec()).unwrap_err();
            let what = format!("{} bytes at {key}", bytes.len());
            assert_all(&garden, &garden.with(&key, bytes), &End::corrupt(&key, &defect), &what);
        }
    }
}

/// Later states could not be told from this one, and a collect would trim all others.
#[test]
fn a_valid_state_with_a_number_that_is_too_high_stops_all_verbs() {
    let garden = Garden::new(1);
    let constants = Constants::decode(garden.objects[&Key::Repository.to_string()].to_vec()).unwrap();
    for number in [u64::MAX - constants.kept_heads.get(), u64::MAX] {
        let mut head = garden.head();
        head.number = number;
        let key = Key::Head(number).to_string();
        let objects = garden.with(&key, head.encode().unwrap());
        assert_all(&garden, &objects, &End::corrupt(&key, &Defect::NumberTooHigh), &key);
    }
}

#[test]
fn a_state_of_another_repository_stops_all_verbs() {
    let garden = Garden::new(1);
    let mut other = Garden::new(50).head();
    assert_ne!(garden.head().repository, other.repository);
    other.number = garden.head().number + 1;
    let key = Key::Head(other.number).to_string();
    let objects = garden.with(&key, other.encode().unwrap());
    assert_all(&garden, &objects, &End::corrupt(&key, &Defect::OtherRepository), "a state of another");
}

#[test]
fn the_constants_of_another_repository_stop_all_verbs() {
    let garden = Garden::new(1);
    let constants = Key::Repository.to_string();
    let objects = garden.with(&constants, Garden::new(50).objects[&constants].clone());
    let end = End::corrupt(&garden.head_key(), &Defect::OtherRepository);
    assert_all(&garden, &objects, &end, "the constants of another");
}

#[test]
fn a_repository_without_states_is_an_error() {
    let garden = Garden::new(1);
    let objects = garden.changed(|objects| objects.retain(|key, _| !key.starts_with("head/")));
    assert_all(&garden, &objects, &End::NoState, "no states");
}

#[test]
fn a_store_without_states_and_constants_is_no_repository() {
    let garden = Garden::new(1);
    let left = |folders: &[&str]| {
        garden.changed(|objects| {
            objects.retain(|key, _| folders.iter().any(|folder| key.starts_with(folder)));
        })
    };
    let kept: [&[&str]; 3] = [&[], &["data/"], &["data/", "backup/"]];
    for folders in kept {
        assert_all(&garden, &left(folders), &End::NotARepository, &format!("only {folders:?}"));
    }
}

/// Returns the number of foreign keys that a check counts, and those that a collect names.
fn strangers(objects: &Objects) -> (u64, Vec<String>) {
    block_on(async {
        let repository = open(&stored(objects).await, 101).await.unwrap();
        let checked = repository.check().await.unwrap().strangers;
        let report = repository.collect(&CollectOptions::new()).await.unwrap();
        assert_eq!(report.strangers, report.stranger_names.len() as u64);
        (checked, report.stranger_names)
    })
}

/// A check lists two folders, and a collect also `probe/`. It lists `head/` only if there are states to delete.
#[test]
fn foreign_keys_are_reported_and_left_alone() {
    let garden = Garden::new(1);
    let long = format!("data/{}", "x".repeat(10_000));
    for (key, is_checked, is_collected) in [
        ("readme.txt", false, false),
        ("head/7", false, false),
        ("head/99999999999999999999", false, false),
        ("head/00000000000000000007/x", false, false),
        ("probe/x", false, true),
        ("data/x", true, true),
        ("data/x/y/z", true, true),
        ("backup/..%2F..%2Fetc/passwd", true, true),
        ("data/00000000000000000000000000000000/not-a-nonce", true, true),
        (long.as_str(), true, true),
    ] {
        let objects = garden.with(key, Bytes::from_static(b"mine"));
        assert_all(&garden, &objects, &End::Sound, &format!("{key:.50}"));
        let (checked, collected) = strangers(&objects);
        assert_eq!(checked, u64::from(is_checked), "{key:.50}");
        let names: Vec<String> = is_collected.then(|| key.chars().take(200).collect()).into_iter().collect();
        assert_eq!(collected, names);
    }
}
