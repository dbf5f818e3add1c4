use super::*;
use crate::{machine::Machine, micro::Access, volume::MemFsOptions};

fn machine() -> Machine {
    let mut machine = Machine::new(&MemFsOptions::default());
    machine.names(None).create_dir(Path::new("/d"), Access::Ordinary).unwrap();
    machine.names(None).create_dir(Path::new("/d/e"), Access::Ordinary).unwrap();
    let file = lsm_fs::FsOpenOptions::new().write(true).create(true);
    machine.files(None).open(Path::new("/d/f"), &file).unwrap();
    machine
}

#[test]
fn equivalent_paths_resolve_to_one_inode() {
    let machine = machine();
    let wanted = machine.lookup(None).resolve(Path::new("/d/e")).unwrap();
    for path in ["d/e", "/d/e/", "/d/e/.", "//d///e", "/./d/./e", "/d/e/..//e", "/../../d/e", "d/../d/e"] {
        assert_eq!(machine.lookup(None).resolve(Path::new(path)).ok(), Some(wanted), "{path}");
    }
    for root in ["/", ".", "/.", "/..", "/d/..", "//"] {
        assert_eq!(machine.lookup(None).resolve(Path::new(root)).ok(), Some(ROOT), "{root}");
    }
}

#[test]
fn invalid_paths_are_refused() {
    let machine = machine();
    let long = format!("/{}", "n".repeat(256));
    let endless = "/d/..".repeat(1000);
    for (path, code) in [
        ("", errno::ENOENT),
        ("/x", errno::ENOENT),
        ("/x/y", errno::ENOENT),
        ("/d/f/x", errno::ENOTDIR),
        ("/d/f/", errno::ENOTDIR),
        ("/d/f/.", errno::ENOTDIR),
        ("/d/f/..", errno::ENOTDIR),
        (&long, errno::ENAMETOOLONG),
        (&endless, errno::ENAMETOOLONG),
    ] {
        assert_eq!(
            machine.lookup(None).resolve(Path::new(path)).unwrap_err().raw_os_error(),
            Some(code),
            "{path}"
        );
    }
    assert_eq!(
        machine.lookup(None).resolve(Path::new("/d\0")).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

/// Adds a symbolic link to the root.
fn link(machine: &mut Machine, target: &str, name: &str) {
    machine.names(None).make_special(Path::new(name), Special::Symlink(target.into())).unwrap();
}

fn code(result: io::Result<Ino>) -> Option<i32> {
    result.err().map(|e| e.raw_os_error().unwrap())
}

#[test]
fn a_lookup_follows_forty_links_in_all() {
    let mut machine = machine();
    link(&mut machine, ".", "/here");
    let lookup = machine.lookup(None);
    let row = |links: usize, last: &str| PathBuf::from(format!("/{}{last}", "here/".repeat(links)));
    assert_eq!(code(lookup.resolve(&row(40, "d"))), None);
    assert_eq!(code(lookup.resolve(&row(41, "d"))), Some(errno::ELOOP));
    assert_eq!(code(lookup.resolve(&row(39, "here"))), None);
    assert_eq!(code(lookup.resolve(&row(40, "here"))), Some(errno::ELOOP), "the last link counts");
    assert_eq!(code(lookup.resolve_unfollowed(&row(40, "here"))), None, "a link that is not followed");
}

#[test]
fn links_that_double_the_way_end_soon() {
    let mut machine = machine();
    link(&mut machine, "/d", "/l0");
    for n in 1..40 {
        let last = n - 1;
        link(&mut machine, &format!("l{last}/../l{last}"), &format!("/l{n}"));
    }
    let lookup = machine.lookup(None);
    assert_eq!(code(lookup.resolve(Path::new("/l4"))), None, "31 links");
    for path in ["/l5", "/l39", "/l39/e", "/l4/../l4"] {
        assert_eq!(code(lookup.resolve(Path::new(path))), Some(errno::ELOOP), "{path}");
    }
}
