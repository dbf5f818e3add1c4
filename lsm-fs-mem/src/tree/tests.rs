use std::ffi::OsStr;

use super::*;
use crate::{
    crash::{assemble, fingerprint},
    micro::{Access, Name, Payload},
};

fn micro(change: Change) -> Micro {
    Micro { seq: 1, group: 1, volume: 0, change }
}

fn link(dir: Ino, name: &str, ino: Ino, kind: Kind) -> Micro {
    micro(Change::Link {
        dir,
        name: Name::from(OsStr::new(name)),
        ino,
        kind,
        access: Access::Ordinary,
        creates: true,
    })
}

fn data(ino: Ino, bytes: &[u8]) -> Micro {
    let payload = Payload::Bytes(Arc::from(bytes));
    micro(Change::Data { ino, range: 0..bytes.len() as u64, payload })
}

fn size(ino: Ino, from: u64, to: u64) -> Micro {
    micro(Change::Size { ino, from, to, written: true })
}

fn tree(micros: &[Micro]) -> Tree {
    let mut tree = Tree::default();
    tree.add_root(1, 0);
    for micro in micros {
        tree.apply(micro);
    }
    tree
}

#[test]
fn bytes_beyond_the_length_are_hidden_or_cut() {
    let bytes = [link(1, "f", 2, Kind::File), data(2, b"abcdef")];
    let shown = assemble(&tree(&bytes), &[1]);
    assert_eq!(shown.file(2).unwrap().len, 0);
    assert!(!shown.file(2).unwrap().needs_cut());
    let mut grown = tree(&bytes);
    grown.apply(&size(2, 0, 4));
    let file = Arc::clone(assemble(&grown, &[1]).file(2).unwrap());
    let mut read = [9; 6];
    file.pages.read(0, &mut read);
    assert_eq!((file.len, &read), (4, b"abcd\0\0"));
    grown.apply(&size(2, 4, 2));
    grown.apply(&size(2, 2, 6));
    grown.file(2).unwrap().pages.read(0, &mut read);
    assert_eq!(&read, b"ab\0\0\0\0", "a cut zeroes what is beyond it");
}

#[test]
fn links_are_counted_in_any_order() {
    let early =
        tree(&[data(3, b"x"), size(3, 0, 1), link(2, "f", 3, Kind::File), link(1, "d", 2, Kind::Dir)]);
    let late = tree(&[link(1, "d", 2, Kind::Dir), link(2, "f", 3, Kind::File), data(3, b"x"), size(3, 0, 1)]);
    assert_eq!(fingerprint(&early, &[1]), fingerprint(&late, &[1]));
    assert_eq!(early.get(3).unwrap().links, 1);
    let mut replaced = late.clone();
    assert_eq!(replaced.apply(&link(2, "f", 4, Kind::File)), Some(3), "the inode that lost its name");
    assert_ne!(fingerprint(&replaced, &[1]), fingerprint(&late, &[1]));
}

#[test]
fn two_names_of_an_inode_differ_from_two_inodes() {
    let one = tree(&[link(1, "a", 2, Kind::File), link(1, "b", 2, Kind::File)]);
    let two = tree(&[link(1, "a", 2, Kind::File), link(1, "b", 3, Kind::File)]);
    assert_ne!(fingerprint(&one, &[1]), fingerprint(&two, &[1]));
    let renumbered = tree(&[link(1, "a", 8, Kind::File), link(1, "b", 7, Kind::File)]);
    assert_eq!(fingerprint(&two, &[1]), fingerprint(&renumbered, &[1]), "numbers are nobody's business");
}

#[test]
fn images_with_different_modes_differ() {
    let made = |kind, access| {
        let change =
            Change::Link { dir: 1, name: Name::from(OsStr::new("n")), ino: 2, kind, access, creates: true };
        tree(&[micro(change)])
    };
    for kind in [Kind::File, Kind::Dir] {
        let (open, private) = (made(kind, Access::Ordinary), made(kind, Access::Private));
        assert_ne!(fingerprint(&open, &[1]), fingerprint(&private, &[1]), "{kind:?}");
        let mut closed = open.clone();
        let to = private.get(2).unwrap().permissions();
        closed.apply(&micro(Change::Permissions { ino: 2, kind, to }));
        assert_ne!(fingerprint(&open, &[1]), fingerprint(&closed, &[1]), "{kind:?} with a mode that was set");
        assert_eq!(
            fingerprint(&closed, &[1]),
            fingerprint(&private, &[1]),
            "{kind:?}: one mode, set or made"
        );
    }
}

#[test]
fn unreachable_inodes_vanish_and_circles_are_cut() {
    let lost = tree(&[link(2, "f", 3, Kind::File)]);
    assert_eq!(assemble(&lost, &[1]).iter().count(), 1);
    // Two directories, each in the other, and both in the root, as split renames can leave them.
    let circle = tree(&[
        link(1, "a", 2, Kind::Dir),
        link(1, "b", 3, Kind::Dir),
        link(2, "b", 3, Kind::Dir),
        link(3, "a", 2, Kind::Dir),
    ]);
    let shown = assemble(&circle, &[1]);
    assert_eq!(fingerprint(&circle, &[1]), fingerprint(&shown, &[1]));
    for (ino, inode) in shown.iter().filter(|(ino, _)| *ino != 1) {
        assert!(
            shown.dir(inode.parent).unwrap().iter().any(|(_, child)| child == ino),
            "a parent knows its child"
        );
        assert_eq!(inode.links, 1);
    }
}
