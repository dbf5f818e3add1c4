//! Tests of claims about the adapters: their length and their refusals.

use lsm_checkpoint::run_checkpoint;
use lsm_checkpoint_engines::{
    engine::Engine,
    exam::Exam,
    kind::{Kind, Which},
    oracle::Plan,
};
use lsm_fs::{Fs, StdFs};

/// Counts the lines of a file that are neither blank nor comments.
fn lines_of_code(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Returns the first block of code of a document, without the lines that readers do not see.
fn first_block(text: &str) -> String {
    let (_, block) = text.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().filter(|line| !line.starts_with("# ")).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn each_adapter_has_less_than_two_hundred_lines() {
    for (name, text, limit) in [
        ("coordinode_v5", include_str!("../../src/coordinode_v5.rs"), 200),
        ("coordinode_v7", include_str!("../../src/coordinode_v7.rs"), 100),
        ("fjall", include_str!("../../src/fjall.rs"), 100),
        ("ADAPT.md", &first_block(include_str!("../../../ADAPT.md")), 81),
    ] {
        let lines = lines_of_code(text);
        println!("{name}: {lines} lines of code");
        assert!((1..limit).contains(&lines), "{name}: {lines} lines of code");
    }
}

/// A plan with a single key. Every table has it, so no two tables can share a run.
const OVERLAPPING: Plan = Plan { keys: 1, value_size: 16 };

/// Writes until there are `count` runs, one per operation. Returns the last operation.
fn runs(engine: &dyn Engine, count: usize) -> u64 {
    let mut last = 0;
    while engine.runs() < count {
        last += 1;
        OVERLAPPING.apply(engine, last);
        engine.flush().unwrap();
    }
    last
}

#[test]
fn more_runs_than_the_format_can_count_are_refused() {
    for which in Which::ALL {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let kind = Kind::new(which, false);
        let engine = kind.open(&path("db")).unwrap();
        let last = runs(&*engine, 256);
        let made = run_checkpoint(&*engine.source(), &StdFs, &path("checkpoint"));
        if which == Which::CoordinodeV7 {
            made.unwrap();
            Exam::new(kind, OVERLAPPING).reopen(&path("checkpoint"), &path("restored"), last, last).unwrap();
        } else {
            let said = made.unwrap_err().to_string();
            assert!(said.contains("255 runs"), "{which:?}: {said}");
            assert_eq!(StdFs.read_dir(dir.path()).unwrap().len(), 1, "{which:?}: something was left");
        }
    }
}
