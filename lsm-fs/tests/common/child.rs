//! Locks that another process holds, which is this test binary run again.

use std::{
    any::Any,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use lsm_fs::{Fs, FsFile, FsOpenOptions, StdFs, conformance::OtherProcess};

const ORDER: &str = "LSM_FS_CHILD_LOCKS";
const HELD: &str = "the lock is held";

/// Takes locks on [`StdFs`] in a child process, and kills the child to release them.
pub(crate) struct ChildProcess;

impl OtherProcess for ChildProcess {
    fn lock_file(&self, path: &Path) -> Box<dyn Any> {
        Box::new(Held::spawn("file", path))
    }

    fn lock_directory(&self, path: &Path) -> Box<dyn Any> {
        Box::new(Held::spawn("dir", path))
    }
}

struct Held(Child);

impl Held {
    fn spawn(kind: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::hold_a_lock_if_asked", "--nocapture"])
            .env(ORDER, format!("{kind}:{}", path.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(HELD)), "the child did not take the lock");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Runs in the child process. Without the environment variable there is nothing to do.
#[test]
fn hold_a_lock_if_asked() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let (kind, path) = order.split_once(':').unwrap();
    let path = Path::new(path);
    let _held: Box<dyn Any> = if kind == "file" {
        let file = StdFs.open(path, &FsOpenOptions::new().read(true)).unwrap();
        assert!(file.try_lock_exclusive().unwrap());
        Box::new(file)
    } else {
        Box::new(StdFs.try_lock_directory(path).unwrap().unwrap())
    };
    println!("{HELD}");
    std::io::stdout().flush().unwrap();
    // Until the parent kills this process, or dies itself.
    let _ = std::io::stdin().read(&mut [0]);
}
