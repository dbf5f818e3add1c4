use super::*;

fn link(seq: Seq, dir: Ino, name: &str, ino: Ino, creates: bool) -> Micro {
    let access = Access::Ordinary;
    let change =
        Change::Link { dir, name: Name::from(OsStr::new(name)), ino, kind: Kind::File, access, creates };
    Micro { seq, group: seq, volume: 0, change }
}

#[test]
fn a_change_is_found_by_every_index_until_it_is_removed() {
    let mut journal = Journal::default();
    journal.insert(link(1, 10, "a", 20, true));
    journal.insert(link(2, 10, "b", 20, false));
    let change = Change::Data { ino: 20, range: 0..1, payload: Payload::Zeros };
    journal.insert(Micro { seq: 3, group: 3, volume: 0, change });
    let seqs = |journal: &Journal| {
        let of = |micros: &mut dyn Iterator<Item = &Micro>| micros.map(|m| m.seq).collect::<Vec<_>>();
        (of(&mut journal.dir(10)), of(&mut journal.child(20)), of(&mut journal.file(20)))
    };
    assert_eq!(seqs(&journal), (vec![1, 2], vec![1, 2], vec![3]));
    let name = Name::from(OsStr::new("b"));
    assert_eq!(journal.of_name(10, &name, 3).count(), 1);
    assert_eq!(journal.of_name(10, &name, 2).count(), 0, "the end is not included");
    journal.remove(1);
    journal.remove(3);
    assert_eq!(seqs(&journal), (vec![2], vec![2], vec![]));
    assert!(journal.dirty_files().next().is_none() && journal.len() == 1);
}

#[test]
fn a_commit_clears_the_history_of_an_inode() {
    let mut journal = Journal::default();
    journal.insert(link(1, 10, "a", 20, true));
    assert!(journal.is_newborn(20, 0) && journal.is_touched(20, 0) && journal.is_touched(10, 0));
    assert!(!journal.is_newborn(10, 0));
    assert!(!journal.is_newborn(20, 1) && !journal.is_touched(20, 1), "a commit in the background");
    journal.remove(1);
    assert!(journal.is_newborn(20, 0), "its name alone is on the disk");
    journal.synced(10, 0);
    assert!(!journal.is_touched(10, 0) && journal.is_touched(20, 0));
    journal.commit(Some(1));
    assert_eq!(journal.newborn(0).collect::<Vec<_>>(), [20], "another volume");
    journal.commit(None);
    assert!(!journal.is_newborn(20, 0) && !journal.is_touched(20, 0));
    assert_eq!(journal.last_change(20), None);
}
