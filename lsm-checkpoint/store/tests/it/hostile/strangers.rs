//! States of another repository, empty lists, and foreign keys.

use bytes::Bytes;

use super::garden::{Garden, Objects, assert_clear, errors};

/// Runs the tour on a copy with one more object. Returns the errors of `list`, `collect` and `push`.
fn with(garden: &Garden, key: &str, bytes: &Bytes) -> [Vec<String>; 3] {
    let mut objects = garden.objects.clone();
    objects.insert(key.to_owned(), bytes.clone());
    let outcomes = garden.tour(&objects);
    assert_clear(&outcomes, key);
    ["list", "collect", "push"]
        .map(|verb| errors(&outcomes, verb).iter().map(|&error| error.to_owned()).collect())
}

#[test]
fn a_junk_head_with_the_highest_number_stops_everything() {
    let garden = Garden::new(1);
    let (newest, _) = garden.head();
    for number in ["18446744073709551615", "00000000000000000099", "00000000000000001000"] {
        for bytes in [Bytes::new(), Bytes::from_static(b"junk"), garden.objects[&newest].clone()] {
            let key = format!("head/{number}");
            for errors in with(&garden, &key, &bytes) {
                assert!(errors.iter().any(|error| error.contains(&key)), "{key}: {errors:?}");
            }
        }
    }
}

#[test]
fn a_head_of_another_repository_stops_everything() {
    let garden = Garden::new(1);
    let (_, own) = garden.head();
    let (_, mut other) = Garden::new(50).head();
    assert_ne!(own.repository, other.repository);
    other.number = own.number + 1;
    let key = format!("head/{:020}", other.number);
    for errors in with(&garden, &key, &other.encode().unwrap().into()) {
        assert!(errors.iter().any(|error| error.contains("another repository")), "{errors:?}");
    }
}

#[test]
fn a_repository_without_heads_is_an_error() {
    let garden = Garden::new(1);
    let objects: Objects = garden
        .objects
        .iter()
        .filter(|(key, _)| !key.starts_with("head/"))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let outcomes = garden.tour(&objects);
    assert_clear(&outcomes, "no heads");
    assert!(outcomes.iter().all(|outcome| outcome.error.is_some()), "{outcomes:?}");
}

#[test]
fn an_empty_store_is_no_repository() {
    let garden = Garden::new(1);
    let outcomes = garden.tour(&Objects::new());
    assert_clear(&outcomes, "empty");
    assert!(outcomes.iter().all(|outcome| outcome.error.as_ref().unwrap().contains("not a repository")));
}

#[test]
fn foreign_keys_are_left_alone() {
    let garden = Garden::new(1);
    let long = format!("data/{}", "x".repeat(900));
    for key in [
        "readme.txt",
        "head/7",
        "head/99999999999999999999",
        "head/00000000000000000007/x",
        "data/x",
        "data/x/y/z",
        "backup/..%2F..%2Fetc/passwd",
        "data/00000000000000000000000000000000/not-a-nonce",
        &long,
    ] {
        for errors in with(&garden, key, &Bytes::from_static(b"mine")) {
            assert!(errors.is_empty(), "{key}: {errors:?}");
        }
    }
}
