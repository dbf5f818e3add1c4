//! The suite on views of the host, resolved by the kernel and by a walk.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{View, guard::Way};
use crate::{
    Fs,
    conformance::{OddNodes, Subject, run},
};

struct Host;

impl OddNodes for Host {
    fn symlink(&self, target: &Path, link: &Path) {
        std::os::unix::fs::symlink(target, link).unwrap();
    }

    fn special(&self, dir: &Path) -> Vec<PathBuf> {
        let (pipe, socket) = (dir.join("pipe"), dir.join("socket"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        vec![pipe, socket]
    }
}

fn conforms(way: Way) {
    let report = run(|_| {
        let dir = tempfile::tempdir().unwrap();
        Subject::new(View { roots: Vec::new(), way }, dir.path())
            .odd_nodes(Host)
            .mount_point("/dev/shm")
            .keep(dir)
    });
    println!("{report}");
    report.assert_conforms();
}

#[test]
fn views_resolve_by_the_kernel() {
    conforms(Way::Kernel);
}

#[test]
fn views_resolve_by_a_walk() {
    conforms(Way::Walk);
}
