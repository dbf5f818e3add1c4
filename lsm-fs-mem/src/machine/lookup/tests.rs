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
