use super::*;

#[test]
fn notes_are_read_in_order() {
    let notes = Notes(vec!["first".into(), "second".into()]);
    assert!(notes.contains("first") && !notes.contains("fir"));
    assert_eq!(notes.last(), Some("second"));
    assert_eq!(notes.iter().collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!((notes.len(), notes.is_empty()), (2, false));
    assert_eq!((Notes::default().last(), Notes::default().is_empty()), (None, true));
}

#[test]
fn a_panic_is_told_with_its_message() {
    assert_eq!(guarded(|| Ok::<(), String>(())), Ok(()));
    assert_eq!(guarded(|| Err("no")), Err("no".to_owned()));
    assert_eq!(
        guarded(|| -> Result<(), String> { panic!("{} failed", 1) }),
        Err("panic: 1 failed".to_owned())
    );
    assert_eq!(guarded(|| -> Result<(), String> { panic!("plain") }), Err("panic: plain".to_owned()));
}
