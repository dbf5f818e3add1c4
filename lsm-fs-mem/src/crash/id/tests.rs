use super::*;
use crate::profile::Profile;

#[test]
fn ids_round_trip_through_text() {
    for text in [
        "adversarial@0=-",
        "ext4@12=01",
        "xfs+torn@3=.40.1.1234.",
        "btrfs@9~0.all=z",
        "xfs@5!14=01",
        "adversarial@0!0=-",
        "adversarial+hostile+torn@17~9.4=103/ext4@2=0",
    ] {
        let id: StateId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
    }
    let model = Profile::Ext4.into();
    let crash =
        Crash { model, killed_after: None, point: 2, foreign: None, choice: vec![40, 1, 1234, 35, 36] };
    let id = StateId::of(crash);
    assert_eq!(id.to_string(), "ext4@2=.40.1.1234.z.36.");
    assert_eq!(id.to_string().parse(), Ok(id));
}

#[test]
fn malformed_ids_are_refused() {
    for text in [
        "",
        "ext4",
        "ext4@1",
        "zfs@1=0",
        "ext4@x=0",
        "ext4@1=!",
        "ext4@!1=0",
        "ext4@1!=0",
        "ext4@1!2!3=0",
        "ext4@1=.4",
        "ext4@1~2=0",
        "ext4@1~a.all=0",
        "ext4@1=0/",
        "ext4@1=..",
        "ext4@1=",
    ] {
        let parsed = text.parse::<StateId>();
        // An empty choice belongs to a moment without pending changes.
        assert!(parsed.is_err() || text == "ext4@1=", "{text}: {parsed:?}");
    }
}
