//! Distributes the work over several [benches](crate::bench), and sums up.

use std::{
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::bail;

use crate::{
    bench::Bench,
    benches::on_benches,
    calibrate::{Cuts, observe},
    kind::{Kind, capture},
    observed::Miss,
    options::Options,
    record::Recorder,
    report,
    states::Amount,
    workdir::Workdir,
    workload::{Workload, listed, random},
};

/// The random workloads of each file system, without and with `--full`.
const RANDOM: (u64, u64) = (40, 2000);
/// Without `--full` and `--named`, one in this many listed workloads is tried.
const EVERY: usize = 12;
/// The number of recordings after which the observed trees are saved, so that an interrupted run keeps most of them.
const SAVE: usize = 200;

/// Checks that the test can run here. The error names a missing requirement in one line.
pub(crate) fn check_requirements() -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("needs root");
    }
    for (path, name) in [("/dev/fuse", "FUSE"), ("/dev/loop-control", "loop devices")] {
        if !std::path::Path::new(path).exists() {
            bail!("needs {name}: {path} is missing");
        }
    }
    for tool in ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "losetup", "setpriv", "unshare"] {
        if capture(Command::new("which").arg(tool)).is_err() {
            bail!("needs {tool}");
        }
    }
    Ok(())
}

struct Job {
    kind: Kind,
    is_random: bool,
    name: String,
    workload: Workload,
}

/// Runs the selected parts. Returns `false` if the model refused a tree, the protocol left a bad state, or a file
/// system or a recording failed.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let workdir = Workdir::create()?;
    let result = parts(options, &workdir);
    workdir.close()?;
    result
}

fn parts(options: &Options, workdir: &Workdir) -> anyhow::Result<bool> {
    let wants = |part: &str| options.parts.is_empty() || options.parts.iter().any(|wanted| wanted == part);
    let mut is_good = true;
    if wants("calibrate") {
        is_good &= calibrate(options, workdir)?;
    }
    if wants("protocol") {
        is_good &= report::protocol(options, workdir)?;
    }
    if wants("control") {
        report::control(options, workdir)?;
    }
    Ok(is_good)
}

fn jobs(options: &Options) -> Vec<Job> {
    let count = options.random.unwrap_or(if options.full { RANDOM.1 } else { RANDOM.0 });
    let every = if options.full || options.named.is_some() { 1 } else { EVERY };
    let mut jobs = Vec::new();
    for (at, (name, workload)) in listed().into_iter().enumerate() {
        let is_named = options.named.as_ref().is_none_or(|part| name.contains(part.as_str()));
        if is_named && at % every == 0 && !options.random_only {
            let of = |kind: &Kind| Job {
                kind: *kind,
                is_random: false,
                name: name.clone(),
                workload: workload.clone(),
            };
            jobs.extend(options.kinds.iter().map(of));
        }
    }
    if options.named.is_none() {
        for seed in options.seed..options.seed + count {
            let of = |kind: &Kind| Job {
                kind: *kind,
                is_random: true,
                name: format!("seed {seed}"),
                workload: random(*kind, seed),
            };
            jobs.extend(options.kinds.iter().map(of));
        }
    }
    jobs
}

fn calibrate(options: &Options, workdir: &Workdir) -> anyhow::Result<bool> {
    let amount = Amount { writes: 5, instants: 5, mixtures: if options.full { 3 } else { 2 } };
    let (jobs, start) = (jobs(options), Instant::now());
    let (next, results, errors) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let recorder = options.record.as_deref().map(Recorder::new).transpose()?;
    let save = |cuts: &[Cuts]| recorder.as_ref().map_or(Ok(()), |recorder| recorder.write(cuts));
    on_benches(workdir, 0..options.jobs, |bench: &Bench| {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            match observe(bench, job.kind, &job.workload, amount) {
                Ok(Some(mut cuts)) => {
                    cuts.is_random = job.is_random;
                    report(job, &cuts);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push(cuts);
                    if results.len() % SAVE == 0 {
                        println!(
                            "{} of {} recordings, {} s",
                            results.len(),
                            jobs.len(),
                            start.elapsed().as_secs()
                        );
                        save(&results)?;
                    }
                }
                Ok(None) => println!("{} {}: not offered by this file system", job.kind, job.name),
                Err(error) => {
                    errors.fetch_add(1, Ordering::Relaxed);
                    println!("ERROR {} {}: {:?}: {error:#}", job.kind, job.name, job.workload);
                }
            }
        }
        Ok(())
    })?;
    let cuts = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    save(&cuts)?;
    let errors = errors.into_inner();
    if errors > 0 {
        println!("{errors} recordings have failed");
    }
    Ok(sum_up(options, &cuts, start) && errors == 0)
}

/// Prints the totals. Returns `false` if there are faults or misses.
fn sum_up(options: &Options, cuts: &[Cuts], start: Instant) -> bool {
    let mut is_good = true;
    for kind in &options.kinds {
        let of_kind: Vec<&Cuts> = cuts.iter().filter(|cuts| cuts.kind == *kind).collect();
        let sum = |count: fn(&Cuts) -> usize| of_kind.iter().map(|cuts| count(cuts)).sum::<usize>();
        let (faults, misses) = (sum(|cuts| cuts.faults.len()), sum(|cuts| cuts.misses.len()));
        println!(
            "{kind}: {} recordings, {} states mounted, {} distinct trees, {} torn superblocks, {faults} faults, \
             {misses} misses",
            of_kind.len(),
            sum(|cuts| cuts.mounted),
            sum(|cuts| cuts.observed.trees.len()),
            sum(|cuts| cuts.torn),
        );
        is_good &= faults + misses == 0;
    }
    println!("{} s", start.elapsed().as_secs());
    is_good
}

fn report(job: &Job, cuts: &Cuts) {
    for fault in &cuts.faults {
        println!("FAULT {} {}: {:?}: {fault}", job.kind, job.name, job.workload);
    }
    for Miss { profile, step, tree, reason } in &cuts.misses {
        let Workload { start, calls } = &job.workload;
        println!("MISS {} {}: {start} | {}", job.kind, job.name, calls.join("; "));
        println!("    {profile} after call {step}: {tree}: {reason}");
    }
}
