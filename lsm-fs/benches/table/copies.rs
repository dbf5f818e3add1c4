//! Copies, compared with a loop of copies, and through a wrapper that forwards every call.

use std::{fs::File, io::Read, ops::ControlFlow, os::unix::fs::FileExt, path::Path, time::Duration};

use lsm_fs::{
    CopyJob, CopyOptions, Fs, StdFs,
    copy::copy_batch,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

use crate::{fill, row, timed};

pub(crate) fn copies(volumes: &str, from_root: &Path, to_root: &Path, count: usize, bytes: usize) {
    let (from, names) = fill(from_root, count, bytes);
    row(
        // The target of the ratio: an eighth for small files, two thirds for large ones.
        (
            &format!("copy {count} × {} KiB: batch / copy + fsync each", bytes >> 10),
            if bytes < 1 << 20 { 0.125 } else { 0.667 },
        ),
        volumes,
        to_root,
        |to| copied(&StdFs, from.path(), to, &names),
        |to| {
            timed(|| {
                let mut buf = vec![0; 64 << 10];
                for name in &names {
                    let mut source = File::open(from.path().join(name)).unwrap();
                    let target = File::create_new(to.join(name)).unwrap();
                    let mut offset = 0;
                    loop {
                        let read = source.read(&mut buf).unwrap();
                        if read == 0 {
                            break;
                        }
                        target.write_all_at(&buf[..read], offset).unwrap();
                        offset += read as u64;
                    }
                    target.sync_all().unwrap();
                }
            })
        },
    );
    let wrapped = InterceptFs::new(StdFs, Forwards);
    row(
        (&format!("copy {count} × {} KiB: through a wrapper / without it", bytes >> 10), 1.15),
        volumes,
        to_root,
        |to| copied(&wrapped, from.path(), to, &names),
        |to| copied(&StdFs, from.path(), to, &names),
    );
}

fn copied(fs: &dyn Fs, from: &Path, to: &Path, names: &[String]) -> Duration {
    let paths: Vec<_> = names.iter().map(|name| (from.join(name), to.join(name))).collect();
    let jobs: Vec<_> = paths.iter().map(|(from, to)| CopyJob { source: fs, from, to, len: None }).collect();
    timed(|| {
        copy_batch(fs, &jobs, &CopyOptions::new(), &mut |_, result| {
            result.unwrap();
            ControlFlow::Continue(())
        });
    })
}

#[derive(Debug)]
struct Forwards;

impl Interceptor for Forwards {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        _: &Call<'_>,
        run: impl FnOnce() -> lsm_fs::Result<R>,
    ) -> lsm_fs::Result<R> {
        run()
    }
}
