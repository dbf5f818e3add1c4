//! Finds the targets in the sources and among the corpora, so that nobody has to list a new target.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use xtask_common::cmd;
use xtask_common::workspace::{self, Package, Workspace};

use super::TURN;

/// Every test file that takes the seed of its crash sweeps from outside contains one of these.
const SEEDED: [&str; 3] = ["seeded_sweep()", "LSM_SWEEP_SEED", " in seeds("];
/// The first run of a property test is short, and shows how many inputs fit into a turn.
const FIRST_CASES: u64 = 500;

/// A test that makes inputs or samples from a seed.
pub(super) struct Target {
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    Property { test: Test, cases: u64 },
    Sweep(Test),
    Fuzz(Fuzz),
}

/// The tests of a crate whose paths hold the filter.
struct Test {
    package: String,
    /// `--lib`, or `--test it`.
    binary: &'static [&'static str],
    filter: String,
}

struct Fuzz {
    /// The fuzz package, relative to the root.
    dir: String,
    target: String,
    /// `true` if cargo-fuzz runs it, `false` if the loop over the corpus does.
    guided: bool,
}

/// Every target of the workspace.
pub(super) fn find(workspace: &Workspace) -> anyhow::Result<Vec<Target>> {
    let mut targets = Vec::new();
    let files = workspace::files(&workspace.root)?;
    for package in workspace.publishable() {
        let dir = workspace::dir(package);
        for path in files.iter().map(|file| workspace.root.join(file)) {
            let Some((binary, module)) = path.strip_prefix(dir).ok().and_then(place) else { continue };
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let mut add = |name: &str, filter: String, kind: fn(Test) -> Kind| {
                let test = Test { package: package.name.to_string(), binary, filter };
                targets.push(Target { name: format!("{} {name}", package.name), kind: kind(test) });
            };
            for name in properties(&text) {
                add(name, name.to_owned(), |test| Kind::Property { test, cases: FIRST_CASES });
            }
            if text.contains("#[test]") && SEEDED.iter().any(|word| text.contains(word)) {
                add(&module, format!("{module}::"), Kind::Sweep);
            }
        }
    }
    let nested = workspace.nested()?;
    for package in nested.iter().filter(|package| workspace::is_fuzz(package)) {
        targets.extend(fuzz_targets(&workspace.root, package)?);
    }
    Ok(targets)
}

/// The binary with the tests of a source file, and the path of its module. Returns `None` if `soak` does not run that
/// binary.
fn place(source: &Path) -> Option<(&'static [&'static str], String)> {
    let source = source.to_str()?.strip_suffix(".rs")?;
    let module = |file: &str| file.strip_suffix("/mod").unwrap_or(file).replace('/', "::");
    if let Some(file) = source.strip_prefix("src/") {
        return Some((&["--lib"], module(file)));
    }
    source.strip_prefix("tests/it/").map(|file| (&["--test", "it"][..], module(file)))
}

/// The names of the tests in the blocks of `proptest!`.
fn properties(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut end = None;
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if code == "proptest! {" {
            end = Some(indent);
        } else if code == "}" && end == Some(indent) {
            end = None;
        } else if let (Some(_), Some(function)) = (end, code.strip_prefix("fn ")) {
            names.extend(function.split('(').next());
        }
    }
    names
}

/// One target for each directory of the corpus.
fn fuzz_targets(root: &Path, package: &Package) -> anyhow::Result<Vec<Target>> {
    let dir = workspace::dir(package);
    let shown = dir.strip_prefix(root)?.to_string_lossy().into_owned();
    let guided =
        cmd::capture(Command::new("rustup").args(["run", "nightly", "cargo", "fuzz", "--version"])).is_ok();
    let corpus = dir.join("corpus");
    let entries = std::fs::read_dir(&corpus).with_context(|| format!("cannot list {}", corpus.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    let target = |target: String| Target {
        name: format!("{shown} {target}"),
        kind: Kind::Fuzz(Fuzz { dir: shown.clone(), target, guided }),
    };
    Ok(names.into_iter().map(target).collect())
}

impl Target {
    /// Compiles the target, so that its first turn does not measure the compiler.
    pub(super) fn build(&self, root: &Path) -> Command {
        match &self.kind {
            Kind::Property { test, .. } | Kind::Sweep(test) => {
                let mut command = test.cargo(root);
                command.arg("--no-run");
                command
            }
            Kind::Fuzz(fuzz) => fuzz.cargo(root, "build"),
        }
    }

    /// One run with this seed.
    pub(super) fn command(&self, root: &Path, seed: u64) -> anyhow::Result<Command> {
        let mut command = match &self.kind {
            Kind::Fuzz(fuzz) => return fuzz.command(root, seed),
            Kind::Property { test, .. } | Kind::Sweep(test) => {
                let mut command = test.cargo(root);
                command.args(["--", &test.filter]);
                command
            }
        };
        if let Kind::Property { cases, .. } = &self.kind {
            command.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", cases.to_string());
        } else {
            command.env("LSM_SWEEP_SEED", seed.to_string());
        }
        Ok(command)
    }

    /// The number of inputs that a run tried, read from its output. For a sweep, the number of its tests.
    pub(super) fn inputs(&self, output: &str) -> u64 {
        let passed = output.lines().filter_map(cmd::parse_test_result).map(|tests| tests.passed).sum::<u64>();
        match &self.kind {
            Kind::Property { cases, .. } => passed * cases,
            Kind::Sweep(_) => passed,
            // Both fuzzing loops end with a line that has the number: `Done 12 runs in …` and
            // `block: seed 1, 12 inputs, …`.
            Kind::Fuzz(fuzz) => {
                number_before(output, if fuzz.guided { "runs" } else { "inputs," }).unwrap_or(0)
            }
        }
    }

    pub(super) fn unit(&self) -> &'static str {
        if matches!(self.kind, Kind::Sweep(_)) { "tests" } else { "inputs" }
    }

    /// Adjusts the next run to the length of a turn. `time` is the length of the last run.
    pub(super) fn adjust(&mut self, time: Duration) {
        if let Kind::Property { cases, .. } = &mut self.kind {
            let (turn, time) = (TURN.as_millis(), time.as_millis().max(1));
            let fitting = u128::from(*cases) * turn / time;
            *cases = u64::try_from(fitting).unwrap_or(u64::MAX).clamp(FIRST_CASES, 1_000_000);
        }
    }
}

impl Test {
    fn cargo(&self, root: &Path) -> Command {
        let mut command = cmd::cargo(root);
        command.args(["test", "--quiet", "--profile", "soak", "-p", &self.package, "--all-features"]);
        command.args(self.binary);
        command
    }
}

impl Fuzz {
    fn cargo(&self, root: &Path, subcommand: &str) -> Command {
        if self.guided {
            let mut command = Command::new("rustup");
            command.current_dir(root).args([
                "run",
                "nightly",
                "cargo",
                "fuzz",
                subcommand,
                "--fuzz-dir",
                &self.dir,
            ]);
            // The code under test is safe Rust. An address sanitizer would find nothing in it and slow it down.
            command.args(["--sanitizer", "none", "--target-dir", "target/fuzz", &self.target]);
            return command;
        }
        let mut command = cmd::cargo(root);
        command.args([
            subcommand,
            "--quiet",
            "--release",
            "--manifest-path",
            &format!("{}/Cargo.toml", self.dir),
        ]);
        command.args(["--target-dir", "target", "--no-default-features"]);
        command
    }

    fn command(&self, root: &Path, seed: u64) -> anyhow::Result<Command> {
        let mut command = self.cargo(root, "run");
        let seconds = TURN.as_secs();
        if self.guided {
            // New inputs go into a separate directory, and failing inputs into the corpus.
            let (new, corpus) = (
                format!("target/soak-corpus/{}", self.target),
                format!("{}/corpus/{}", self.dir, self.target),
            );
            std::fs::create_dir_all(root.join(&new))?;
            command.args([&*new, &*corpus, "--", &format!("-artifact_prefix={corpus}/failed-")]);
            // A seed of libFuzzer has 32 bits, and 0 stands for a random one.
            command.args([
                format!("-seed={}", seed % u64::from(u32::MAX) + 1),
                format!("-max_total_time={seconds}"),
            ]);
        } else {
            command.args([
                "--",
                &self.target,
                "--seed",
                &seed.to_string(),
                "--seconds",
                &seconds.to_string(),
            ]);
        }
        Ok(command)
    }
}

/// The last number before this word.
fn number_before(text: &str, word: &str) -> Option<u64> {
    let mut words = text.split_whitespace().rev();
    words.find(|found| *found == word)?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_tests_are_found_in_their_blocks_only() {
        let block =
            "proptest! {\n    #[test]\n    fn b(x in 0..9) {\n    }\n\n    #[test]\n    fn c(\n    ) {}\n}\n";
        let text = format!("fn a() {{}}\n{block}fn d() {{}}\n");
        assert_eq!(properties(&text), ["b", "c"]);
    }

    #[test]
    fn a_source_file_tells_binary_and_module() {
        assert_eq!(place(Path::new("tests/it/bed/mod.rs")), Some((&["--test", "it"][..], "bed".to_owned())));
        assert_eq!(
            place(Path::new("src/crash/disk/tests.rs")),
            Some((&["--lib"][..], "crash::disk::tests".to_owned()))
        );
        assert_eq!(place(Path::new("tests/realfs/crashed.rs")), None);
    }

    #[test]
    fn a_run_tells_how_many_inputs_it_tried() {
        let (dir, target) = (String::new(), String::new());
        let fuzz = |guided| Target {
            name: String::new(),
            kind: Kind::Fuzz(Fuzz { dir: dir.clone(), target: target.clone(), guided }),
        };
        assert_eq!(fuzz(false).inputs("block: seed 7, 1200 inputs, 300 inputs/s\n"), 1200);
        assert_eq!(fuzz(true).inputs("#9 DONE\nDone 33 runs in 11 second(s)\n"), 33);
        let test = Test { package: String::new(), binary: &[], filter: String::new() };
        let property = Target { name: String::new(), kind: Kind::Property { test, cases: 50 } };
        assert_eq!(property.inputs("test result: ok. 1 passed; 0 failed; 0 ignored\n"), 50);
        assert_eq!(property.inputs("test result: ok. 0 passed; 0 failed; 0 ignored\n"), 0);
    }

    #[test]
    fn every_kind_of_target_is_found_here() {
        let targets = find(&Workspace::load().unwrap()).unwrap();
        for name in [
            "lsm-fs-mem random_calls_agree_with_the_host",
            "lsm-fs-mem crash::disk::tests",
            "lsm-fs-mem crash::admits::tests",
            "lsm-checkpoint restore",
            "lsm-manifest/fuzz archive",
        ] {
            assert!(targets.iter().any(|target| target.name == name), "{name} is missing");
        }
    }
}
