//! Overlapping syncs: each file gets its own result, in small and large batches.

use std::path::PathBuf;

use lsm_fs::{Fs, FsFile, FsOpenOptions, SyncMode, batch::sync_batch};

use crate::broken::{Broken, Defect};

#[test]
fn every_file_gets_the_result_of_its_own_sync() {
    let dir = tempfile::tempdir().unwrap();
    for count in 0..10 {
        let failing = (0..count).map(Some).chain([None]);
        for (round, failing) in failing.enumerate() {
            let fs = Broken::new(Defect::None);
            let path = |at: usize| -> PathBuf { dir.path().join(format!("{count}-{round}-{at}")) };
            let new = FsOpenOptions::new().write(true).create_new(true);
            let files: Vec<_> = (0..count).map(|at| fs.open(&path(at), &new).unwrap()).collect();
            files.iter().for_each(|file| file.write_at(b"dirty", 0).unwrap());
            fs.faults().lock().unwrap().extend(failing.map(path));
            let files: Vec<&dyn FsFile> = files.iter().map(|file| &**file).collect();
            let mut results = Vec::new();
            sync_batch(&fs, &files, SyncMode::Normal, &mut |at, synced| results.push((at, synced.is_ok())));
            results.sort_unstable();
            let expected: Vec<_> = (0..count).map(|at| (at, Some(at) != failing)).collect();
            assert_eq!(results, expected, "{failing:?} of {count} fails");
        }
    }
}
