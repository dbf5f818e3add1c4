//! A fuzzer for the stable compiler. It mutates a corpus, without feedback from the code under test.
//!
//! The inputs depend only on the corpus, the seed and their index, so a command produces the same inputs on every
//! machine.

#![allow(clippy::disallowed_methods, reason = "the corpus lies on the host")]

mod mutate;

use std::{
    env, fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// A fuzz target: its name, which is also its folder in `corpus`, and the code under test.
pub type Target = (&'static str, fn(&[u8]));

const USAGE: &str = "usage: [TARGET] [--seed N] [--inputs N | --seconds N]";

/// The point at which a target stops.
#[derive(Clone, Copy)]
enum Until {
    Inputs(u64),
    Time(Duration),
}

struct Order {
    name: Option<String>,
    seed: u64,
    until: Until,
}

/// Runs the targets named in the arguments of this process. The folder `package` contains `corpus`.
pub fn run(package: &Path, targets: &[Target]) -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let Some(order) = parse(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let named = targets.iter().filter(|(name, _)| order.name.as_deref().is_none_or(|only| only == *name));
    let mut result = ExitCode::FAILURE;
    for target in named {
        if let Err(error) = fuzz(package, target, &order) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        result = ExitCode::SUCCESS;
    }
    result
}

fn parse(args: &[String]) -> Option<Order> {
    let mut order = Order { name: None, seed: 1, until: Until::Inputs(10_000) };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|value| value.parse().ok());
        match arg.as_str() {
            "--seed" => order.seed = number()?,
            "--inputs" => order.until = Until::Inputs(number()?),
            "--seconds" => order.until = Until::Time(Duration::from_secs(number()?)),
            name if !name.starts_with('-') => order.name = Some(name.to_owned()),
            _ => return None,
        }
    }
    Some(order)
}

fn fuzz(package: &Path, &(name, target): &Target, order: &Order) -> Result<(), String> {
    let dir = package.join("corpus").join(name);
    let corpus = read(&dir).map_err(|error| format!("cannot read {}: {error}", dir.display()))?;
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| target(input))).is_err();
    // Inputs that failed before run first.
    if let Some((path, _)) = corpus.iter().find(|(_, input)| fails(input)) {
        return Err(format!("{name}: {} fails", path.display()));
    }
    let corpus: Vec<_> = corpus.into_iter().map(|(_, input)| input).collect();
    let (start, mut index) = (Instant::now(), 0);
    while match order.until {
        Until::Inputs(inputs) => index < inputs,
        Until::Time(time) => start.elapsed() < time,
    } {
        let input = mutate::input(&corpus, order.seed, index);
        if fails(&input) {
            return Err(format!("{name}: {}", keep(&dir, &input, order.seed, index)));
        }
        index += 1;
    }
    let rate = index as f64 / start.elapsed().as_secs_f64();
    println!("{name}: seed {}, {index} inputs, {rate:.0} inputs/s", order.seed);
    Ok(())
}

/// Returns the files of a corpus, sorted by name.
fn read(dir: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.into_iter().map(|path| fs::read(&path).map(|input| (path, input))).collect()
}

/// Writes a failing input to the corpus, so that every later test run repeats it.
fn keep(dir: &Path, input: &[u8], seed: u64, index: u64) -> String {
    let path = dir.join(format!("failed-{seed}-{index}"));
    match fs::write(&path, input) {
        Ok(()) => format!("input {index} of seed {seed} fails; kept as {}", path.display()),
        Err(error) => format!("input {index} of seed {seed} fails; cannot write {}: {error}", path.display()),
    }
}
