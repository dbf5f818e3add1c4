//! The tests that run on this machine for other machines: under wine for Windows, under qemu for other processors.

mod wine;

use crate::{
    record::Row,
    setup::{Tool, Toolchain, ensure},
    tests_of::{self, Tests},
};

/// The tests for one target.
pub(crate) struct Group {
    pub(crate) triple: &'static str,
    tools: &'static [Tool],
    linker: &'static str,
    runner: Runner,
    /// Arguments of `cargo test`, and after them the arguments of the test program.
    tests: &'static [(&'static [&'static str], &'static [&'static str])],
}

enum Runner {
    Wine,
    /// The emulator and its options.
    Qemu(&'static str),
}

/// Tests that an archive, a CURRENT, a CHECKPOINT and a crash image have the same bytes on every platform.
const SAME_BYTES: &[(&[&str], &[&str])] = &[
    (&["-p", "lsm-manifest", "--all-features", "--test", "it"], &["golden::"]),
    (
        &["-p", "lsm-checkpoint", "--all-features", "--test", "it"],
        &["a_checkpoint_of_format_2_has_the_bytes_that_it_had"],
    ),
    // The emulator does not run the programs that a program starts.
    (&["-p", "lsm-fs-mem", "--test", "it"], &["determinism::", "--skip", "another_process"]),
];

pub(crate) const GROUPS: &[Group] = &[
    Group {
        triple: "x86_64-pc-windows-gnu",
        tools: &[("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-posix"), ("wine", "wine wine64")],
        linker: "x86_64-w64-mingw32-gcc",
        runner: Runner::Wine,
        tests: &[
            (&["-p", "lsm-fs", "--all-features", "--lib"], &["std_fs::"]),
            (&["-p", "lsm-fs", "--all-features", "--test", "it"], &["--exact", "conformance::std_fs"]),
            (&["-p", "lsm-manifest", "--all-features", "--test", "it"], &[]),
            (&["-p", "lsm-checkpoint", "--all-features", "--test", "it"], &[]),
        ],
    },
    Group {
        triple: "s390x-unknown-linux-gnu",
        tools: &[
            ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu libc6-dev-s390x-cross"),
            ("qemu-s390x", "qemu-user"),
        ],
        linker: "s390x-linux-gnu-gcc",
        runner: Runner::Qemu("qemu-s390x -L /usr/s390x-linux-gnu"),
        tests: SAME_BYTES,
    },
    Group {
        triple: "i686-unknown-linux-gnu",
        tools: &[
            ("i686-linux-gnu-gcc", "gcc-i686-linux-gnu libc6-dev-i386-cross"),
            ("qemu-i386", "qemu-user"),
        ],
        linker: "i686-linux-gnu-gcc",
        runner: Runner::Qemu("qemu-i386 -L /usr/i686-linux-gnu"),
        tests: SAME_BYTES,
    },
];

/// Builds and runs the tests of a group. Each of its programs gives a row.
pub(crate) fn run(toolchain: &Toolchain, group: &Group) -> Vec<Row> {
    let ready = ensure(group.tools).and_then(|()| match group.runner {
        Runner::Wine => wine::prepare(toolchain),
        Runner::Qemu(command) => Ok(command.to_owned()),
    });
    let runner = match ready {
        Ok(runner) => runner,
        Err(error) => return vec![Row::of(group.triple, "tests", Err(error))],
    };
    let each = |(cargo, test): &(&[&str], &[&str])| {
        let name = [cargo.get(1).copied().unwrap_or_default(), test.first().copied().unwrap_or_default()];
        Row::of(group.triple, name.join(" ").trim(), run_tests(toolchain, group, &runner, (cargo, test)))
    };
    group.tests.iter().map(each).collect()
}

fn run_tests(
    toolchain: &Toolchain,
    group: &Group,
    runner: &str,
    (cargo, test): (&[&str], &[&str]),
) -> anyhow::Result<String> {
    let mut command = toolchain.cargo();
    let variable =
        |end: &str| format!("CARGO_TARGET_{}_{end}", group.triple.to_uppercase().replace('-', "_"));
    command.env(variable("LINKER"), group.linker).env(variable("RUNNER"), runner);
    command.args(["test", "-Zbuild-std", "--no-fail-fast", "--target", group.triple]).args(cargo);
    command.arg("--").args(test);
    let is_wine = matches!(group.runner, Runner::Wine);
    if is_wine {
        wine::environment(&mut command, toolchain);
    }
    let found = Tests::of(&mut command)?;
    let package = cargo.get(1).copied().unwrap_or_default();
    let expected = if is_wine { tests_of::expected(package) } else { Vec::new() };
    found.compare(&expected)
}
