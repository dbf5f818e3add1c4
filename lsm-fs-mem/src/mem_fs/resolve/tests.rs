use super::*;
use crate::volume::MemFsOptions;

fn state() -> State {
    let mut state = State::new(&MemFsOptions::default());
    state.create_dir(Path::new("/d")).unwrap();
    state.create_dir(Path::new("/d/e")).unwrap();
    let file = lsm_fs::FsOpenOptions::new().write(true).create(true);
    state.open(Path::new("/d/f"), &file).unwrap();
    state
}

#[test]
fn paths_that_lead_to_the_same_place() {
    let state = state();
    let wanted = state.resolve(Path::new("/d/e")).unwrap();
    for path in ["d/e", "/d/e/", "/d/e/.", "//d///e", "/./d/./e", "/d/e/..//e", "/../../d/e", "d/../d/e"] {
        assert_eq!(state.resolve(Path::new(path)).ok(), Some(wanted), "{path}");
    }
    for root in ["/", ".", "/.", "/..", "/d/..", "//"] {
        assert_eq!(state.resolve(Path::new(root)).ok(), Some(ROOT), "{root}");
    }
}

#[test]
fn paths_that_lead_nowhere() {
    let state = state();
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
        assert_eq!(state.resolve(Path::new(path)).unwrap_err().raw_os_error(), Some(code), "{path}");
    }
    assert_eq!(state.resolve(Path::new("/d\0")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
