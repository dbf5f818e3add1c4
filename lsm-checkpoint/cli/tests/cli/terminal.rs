//! The output on a terminal.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::OpenOptionsExt,
    process::{Command, Stdio},
};

use lsm_checkpoint::Policy;
use rustix::{
    fs::OFlags,
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::{
    signals::{add_endless_table, interrupt},
    support::{DAY, Daily, command},
};

/// Opens a pseudo-terminal. Returns the side of the person and the side of the program.
fn terminal(columns: u16) -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let program = options.read(true).write(true).custom_flags(flags).open(name).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&program, size).unwrap();
    (File::from(person), program)
}

/// Reads everything that a program writes to its terminal. Once the program has exited, Linux returns EIO (pty(7)).
fn read_all(mut person: File) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = person.read(&mut piece) {
        all.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(all).unwrap().replace("\r\n", "\n")
}

pub(crate) fn run(mut command: Command, columns: u16) -> String {
    let (person, program) = terminal(columns);
    let mut child = command.stdout(program.try_clone().unwrap()).stderr(program).spawn().unwrap();
    drop(command);
    let text = read_all(person);
    child.wait().unwrap();
    text
}

fn list(daily: &Daily) -> Command {
    let mut list = command();
    list.arg("list").arg(daily.dir());
    list
}

#[test]
fn a_narrow_terminal_gets_fewer_columns() {
    let daily = Daily::new();
    let expected = "\
NAME     TIME              AGE    IDENTITY     BYTES  EXCLUSIVE  STATE
monday   2026-03-08 12:00  2d 0h  orders    12.0 KiB   12.0 KiB  complete
tuesday  2026-03-09 12:00  1d 0h  orders    12.0 KiB    4.2 KiB  complete
";
    let narrow = run(list(&daily), 80);
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    assert_eq!(narrow, expected);
    let wide = run(list(&daily), 200);
    assert!(wide.contains("IDENTITY  SEQNO  FILES     BYTES   SHARED  EXCLUSIVE  STATE"), "{wide}");
}

/// Every verb that prints a table, and the help of every verb.
#[test]
fn nothing_is_wider_than_the_terminal() {
    let daily = Daily::new();
    let (dir, monday) = (daily.dir(), daily.at("monday"));
    let (dir, monday) = (dir.to_str().unwrap(), monday.to_str().unwrap());
    let (manifest, current) = (format!("{monday}/v1"), format!("{monday}/CHECKPOINT"));
    for args in [
        &["list", dir][..],
        &["du", dir],
        &["show", monday],
        &["check", "--max-age", "2d", dir],
        &["prune", "--dry-run", "--keep-last", "1", dir],
        &["manifest", "inspect", &manifest],
        &["manifest", "inspect", &current],
        &["--help"],
        &["restore", "--help"],
        &["prune", "--help"],
        &["store", "--help"],
    ] {
        for columns in [80, 200] {
            let mut command = command();
            command.args(args).env("NO_COLOR", "1");
            let shown = run(command, columns);
            let wide: Vec<_> =
                shown.lines().filter(|line| line.chars().count() > usize::from(columns)).collect();
            assert!(wide.is_empty() && shown.lines().count() > 1, "{args:?} at {columns}: {wide:#?}");
        }
    }
}

#[test]
fn an_error_has_colour_unless_it_is_unwanted() {
    let daily = Daily::empty();
    let verify = || {
        let mut verify = command();
        verify.arg("verify").arg(daily.dir()).env("TERM", "xterm");
        verify
    };
    let coloured = run(verify(), 80);
    assert!(coloured.starts_with("\x1b[31m\x1b[1merror:\x1b[0m "), "{coloured:?}");
    let mut plain = verify();
    plain.env("NO_COLOR", "1");
    let plain = run(plain, 80);
    assert!(plain.starts_with("error: ") && !plain.contains('\x1b'), "{plain:?}");
}

#[test]
fn progress_is_a_bar_with_rate_and_time_left() {
    let mut daily = Daily::empty();
    add_endless_table(&mut daily);
    daily.engine.checkpoint(&daily.at("monday"), DAY as i64, Policy::LinkOnly);
    let (mut person, program) = terminal(100);
    let mut verify = command();
    verify.arg("verify").arg(daily.at("monday")).stdout(Stdio::null()).stderr(program);
    let mut child = verify.spawn().unwrap();
    drop(verify);
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while !text.contains(" left") {
        let read = person.read(&mut piece).unwrap();
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    interrupt(&child, Signal::INT);
    let _ = read_all(person);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(text.contains("verify monday") && text.contains("of 1.00 TiB"), "{text:?}");
}

/// A pipe gets no bar, and neither does a terminal with `--no-progress`.
#[test]
fn no_bar_is_shown_where_none_is_wanted() {
    let daily = Daily::new();
    for unwanted in ["--no-progress", "--quiet"] {
        let mut verify = command();
        verify.arg("verify").arg(unwanted).arg(daily.at("monday"));
        assert!(!run(verify, 80).contains('\x1b'), "{unwanted}");
    }
    assert_eq!(daily.run(&["verify", "{d}/backups/monday"]).err, "");
}
