//! Usage errors, failures, pipes and odd paths.

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use crate::support::{Daily, Ran, command, not_utf8};

#[test]
fn a_wrong_command_line_exits_with_1() {
    let daily = Daily::empty();
    for args in [
        &[][..],
        &["create", "{d}/x"],
        &["list"],
        &["verify"],
        &["verify", "--subset", "8/7", "x"],
        &["verify", "--quick", "--subset", "1/7", "x"],
        &["restore", "--limit", "fast", "a", "b"],
        &["--progress", "--no-progress", "list", "x"],
    ] {
        let ran = daily.run(args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
    let (code, lines) = daily.json(&["verify"]);
    assert_eq!((code, &lines[0]["kind"]), (1, &"usage".into()));
    let create = daily.run(&["create", "{d}/x"]).err;
    assert!(create.contains("the engine makes the checkpoints") && !create.contains("restore"), "{create}");
}

#[test]
fn help_and_version_exit_with_0() {
    let daily = Daily::empty();
    let help = daily.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.contains("There is no `create`") && help.out.contains("ADAPT.md"), "{}", help.out);
    assert_eq!(daily.run(&["--version"]).out, format!("lsm-checkpoint {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(daily.run(&["help", "verify"]).code, 0);
}

#[test]
fn a_path_that_is_no_checkpoint_is_refused() {
    let daily = Daily::new();
    let expected = "error: {d}/db: not a checkpoint\n\
                    hint: name a directory that `lsm-checkpoint list` shows\n";
    for verb in ["show", "verify", "remove"] {
        daily.run(&[verb, "{d}/db"]).expect(4, "", expected);
    }
    let (code, lines) = daily.json(&["verify", "{d}/db"]);
    assert_eq!((code, &lines[0]["kind"], &lines[0]["exit_code"]), (4, &"not_a_checkpoint".into(), &4.into()));
}

#[test]
fn a_failure_of_the_filesystem_exits_with_5() {
    let daily = Daily::empty();
    daily.run(&["list", "{d}/none"]).expect(
        5,
        "",
        "error: {d}/none: cannot open it: No such file or directory (os error 2)\nhint: check the path\n",
    );
    daily.run(&["sweep", "{d}/none"]).expect(
        5,
        "",
        "error: {d}/none: cannot look at it: No such file or directory (os error 2)\nhint: check the path\n",
    );
}

/// Root may read everything, so the test switches to another user if it runs as root.
#[test]
fn an_unreadable_directory_is_not_an_empty_one() {
    let daily = Daily::new();
    fs::set_permissions(daily.temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(daily.dir(), fs::Permissions::from_mode(0o000)).unwrap();
    let mut list = command();
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        list.uid(65_534).gid(65_534);
    }
    let ran = Ran::of(list.arg("list").arg(daily.dir()), daily.temp.path().to_str().unwrap());
    fs::set_permissions(daily.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.err.contains("Permission denied") && ran.err.contains("hint: run the command as"),
        "{}",
        ran.err
    );
}

/// The reader takes one line and closes the pipe, as `head -1` does. The work still goes on to its end.
#[test]
fn a_closed_pipe_does_not_stop_the_work() {
    let daily = Daily::new();
    let mut child = command()
        .args(["remove"])
        .args([daily.at("monday"), daily.at("tuesday")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
    assert_eq!(daily.names(), [""; 0]);
}

#[test]
fn results_that_cannot_be_written_exit_with_5() {
    let daily = Daily::new();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut list = command();
    list.arg("list").arg(daily.dir()).stdout(full);
    let ran = Ran::of(&mut list, daily.temp.path().to_str().unwrap());
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.err.starts_with("error: cannot write the results: No space left"), "{}", ran.err);
}

#[test]
fn parents_that_are_not_utf_8_work_everywhere() {
    let daily = Daily::new();
    let odd = daily.temp.path().join(not_utf8());
    fs::rename(daily.dir(), &odd).unwrap();
    fs::create_dir(odd.join("volume")).unwrap();
    let run = |args: &[&str]| {
        let mut command = command();
        for arg in args {
            match arg.strip_prefix("ODD") {
                None => command.arg(arg),
                Some("@latest") => {
                    let mut latest = odd.clone().into_os_string();
                    latest.push("@latest");
                    command.arg(latest)
                }
                Some(name) => command.arg(odd.join(name.trim_start_matches('/'))),
            };
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, out) = run(&["list", "--json", "ODD"]);
    assert_eq!(code, 0);
    let line: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    crate::schema::check(&line);
    assert!(line["path"]["bytes"].is_string() && line["name"]["text"].is_string(), "{line}");
    for args in [
        &["show", "ODD@latest"][..],
        &["du", "ODD"],
        &["diff", "ODD/monday", "ODD@latest"],
        &["verify", "ODD/monday"],
        &["check", "--max-age", "2d", "--prometheus", "ODD/metrics.prom", "ODD"],
        &["restore", "ODD/monday", "ODD/live"],
        &["restore", "--into-empty", "ODD/monday", "ODD/volume"],
        &["restore", "--without-catalog", "ODD/monday", "ODD/salvaged"],
        &["copy", "--base", "ODD/monday", "ODD/tuesday", "ODD/wednesday"],
        &["manifest", "inspect", "ODD/monday/v1"],
        &["manifest", "verify", "ODD/monday/CHECKPOINT"],
        &["manifest", "dump", "ODD/monday/v1", "tables"],
        &["manifest", "repair", "ODD/monday/v1"],
        &["man", "ODD/volume"],
        &["prune", "--keep-last", "2", "ODD"],
        &["remove", "ODD/tuesday"],
        &["sweep", "ODD"],
    ] {
        assert_eq!(run(args).0, 0, "{args:?}");
    }
}

/// A name on disk can contain control characters.
#[test]
fn control_characters_in_names_are_escaped() {
    let daily = Daily::new();
    fs::rename(daily.at("monday"), daily.at("mon\x1b[31m\nday")).unwrap();
    let ran = daily.run(&["list", "{d}/backups"]);
    assert!(ran.out.contains("mon\\u{1b}[31m\\nday  2026"), "{}", ran.out);
}

#[test]
fn sizes_are_exact_on_request() {
    let daily = Daily::new();
    let ran = daily.run(&["list", "--bytes", "{d}/backups"]);
    assert!(ran.code == 0 && ran.out.contains(" 12315 "), "{ran:?}");
}

/// `head` ends a long list without an error message.
#[test]
fn a_pipe_into_head_is_quiet() {
    let daily = Daily::new();
    let binary = env!("CARGO_BIN_EXE_lsm-checkpoint");
    let script = format!("'{binary}' show '{}' | head -1", daily.at("monday").display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
