use super::*;
use crate::tree::{Crate, Source};

/// The errors of a crate `x` of these files.
fn errors(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(path, text)| Source::new(format!("x/src/{path}"), (*text).to_owned()));
    let crates = vec![Crate { name: "x".into(), dir: "x".into(), ..Crate::default() }];
    module_circles(&Tree { files: files.collect(), crates, ..Tree::default() })
}

#[test]
fn two_modules_that_import_each_other_are_a_circle() {
    let [error] = &errors(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { crate::a::A::new(); }"),
    ])[..] else {
        panic!("one circle")
    };
    assert!(error.contains("a uses b::{B}, b uses a::{A}"), "{error}");
}

#[test]
fn a_circle_through_a_facade_is_one_of_the_modules_behind_it() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use b::inner::Inner;"),
        ("a.rs", "use crate::{b, Inner}; pub(crate) fn f() {}"),
        ("b.rs", "pub(crate) mod inner; pub(crate) use inner::Inner;"),
        ("b/inner.rs", "use crate::a; pub struct Inner; fn g() { a::f(); }"),
    ];
    assert_eq!(errors(&files).len(), 1);
    let longer = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::{self, Other as Renamed}; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct Other;"),
        ("c.rs", "pub struct C(crate::a::A);"),
    ];
    assert!(errors(&longer)[0].contains("c uses a::{A}"));
}

#[test]
fn a_part_may_name_its_whole_and_tests_may_name_all() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod part; use part::Part; pub struct A; fn f() -> &'static str { \"crate::b::B\" }"),
        ("a/part.rs", "use super::A; pub(super) struct Part; // crate::b::B"),
        ("b.rs", "use crate::a::A; pub struct B; #[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("a/tests.rs", "use crate::b::B;"),
    ];
    assert_eq!(errors(&files), [""; 0]);
}
