//! Work on several benches at once.

use std::{ops::Range, thread};

use anyhow::bail;

use crate::{bench::Bench, workdir::Workdir};

/// Makes benches with these numbers, and runs `work` on each of them in a thread of its own.
///
/// All benches are made before the work begins and closed after it ends, because both start other programs. A child has
/// copies of the open files of all threads until its program is loaded, and the unmount of another bench is then
/// refused. `mkfs.btrfs` opens every block device of the machine, and `mkfs.xfs` looks at every mount point.
pub(crate) fn on_benches(
    workdir: &Workdir,
    numbers: Range<usize>,
    work: impl Fn(&Bench) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let benches =
        numbers.map(|number| Bench::new(workdir, number)).collect::<anyhow::Result<Vec<Bench>>>()?;
    let done = thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = benches.iter().map(|bench| scope.spawn(move || work(bench))).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(_) => bail!("a worker has panicked"),
        })
    });
    benches.into_iter().for_each(Bench::close);
    done
}
