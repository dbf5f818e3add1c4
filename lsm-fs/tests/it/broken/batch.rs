//! The batches of a broken backend.

use std::{ffi::OsStr, ops::ControlFlow, path::Path};

use lsm_fs::{
    CopyJob, CopyOptions, CopyReport, Fs, FsExt, FsFile, FsOpenOptions, LinkReport, MetadataReport, NamePair,
    SyncMode, SyncReport, batch, copy,
};

use super::{Broken, Defect};

pub(super) fn metadata(fs: &Broken, dir: &Path, names: &[&OsStr], report: MetadataReport<'_>) {
    batch::metadata_each(fs, dir, names, &mut |index, result| match fs.defect {
        Defect::MetadataBatchUnchecked => report(index, fs.metadata(&dir.join(names[index]))),
        Defect::MetadataBatchGoesOn => {
            let _ = report(index, result);
            ControlFlow::Continue(())
        }
        _ => report(index, result),
    });
}

pub(super) fn links(fs: &Broken, from: &Path, to: &Path, names: &[NamePair<'_>], report: LinkReport<'_>) {
    match fs.defect {
        Defect::BatchIsReversed => {
            let reversed: Vec<_> = names.iter().rev().copied().collect();
            batch::link_each(fs, from, to, &reversed, report);
        }
        Defect::BatchStopsAtError => batch::link_each(fs, from, to, names, &mut |index, result| {
            let failed = result.is_err();
            let flow = report(index, result);
            if failed { ControlFlow::Break(()) } else { flow }
        }),
        Defect::BatchIgnoresBreak => batch::link_each(fs, from, to, names, &mut |index, result| {
            let _ = report(index, result);
            ControlFlow::Continue(())
        }),
        Defect::BatchUnchecked => {
            for (index, pair) in names.iter().enumerate() {
                if report(index, fs.hard_link(&from.join(pair.from), &to.join(pair.to))).is_break() {
                    return;
                }
            }
        }
        _ => batch::link_each(fs, from, to, names, report),
    }
}

pub(super) fn clones(
    fs: &Broken,
    (from, to): (&Path, &Path),
    names: &[NamePair<'_>],
    mode: SyncMode,
    report: LinkReport<'_>,
) {
    batch::clone_each(fs, from, to, names, mode, &mut |index, result| {
        if fs.is(Defect::CloneBreakIsIgnored) {
            let _ = report(index, result);
            return ControlFlow::Continue(());
        }
        if fs.is(Defect::CloneKeepsUnsynced) && result.is_err() {
            let _ = fs.reflink_file(&from.join(names[index].from), &to.join(names[index].to));
        }
        if fs.is(Defect::CloneBatchIsSilent) && index > 0 {
            return ControlFlow::Continue(());
        }
        report(index, result)
    });
}

pub(super) fn syncs(fs: &Broken, files: &[&dyn FsFile], mode: SyncMode, report: SyncReport<'_>) {
    batch::sync_each(files, mode, &mut |index, result| {
        report(index, if fs.is(Defect::SyncBatchSaysOk) { Ok(()) } else { result });
    });
}

pub(super) fn copies(fs: &Broken, jobs: &[CopyJob<'_>], options: &CopyOptions<'_>, report: CopyReport<'_>) {
    let mut options = *options;
    let mut jobs = jobs.to_vec();
    match fs.defect {
        Defect::ObserverNotTold => options.observer = None,
        Defect::CopyIgnoresLen => jobs.iter_mut().for_each(|job| job.len = None),
        Defect::CopyReplaces => jobs.iter().for_each(|job| drop(fs.remove_file(job.to))),
        _ => {}
    }
    copy::copy_each(fs, &jobs, &options, &mut |index, mut result| {
        let to = jobs[index].to;
        match (fs.defect, &mut result) {
            (Defect::CopyDropsTail, Ok(copied)) if copied.len > 0 => {
                fs.truncate_file(to, copied.len - 1).unwrap();
            }
            (Defect::CopyKeepsFailed, Err(_)) if !fs.exists(to).unwrap() => {
                drop(fs.open(to, &FsOpenOptions::new().write(true).create(true)).unwrap());
            }
            (Defect::CopyFillsHoles, Ok(copied)) => {
                let bytes = fs.read_to_vec(to, 1 << 24).unwrap();
                fs.open(to, &FsOpenOptions::new().write(true)).unwrap().write_at(&bytes, 0).unwrap();
                copied.written_bytes = copied.len;
            }
            _ => {}
        }
        let flow = report(index, result);
        if fs.is(Defect::CopyBreakIsIgnored) { ControlFlow::Continue(()) } else { flow }
    });
}
