#![allow(clippy::unwrap_used, reason = "a test ends where something fails")]

use super::*;

#[test]
fn a_failed_sync_poisons_its_handle_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let options = FsOpenOptions::new().read(true).write(true).create_new(true);
    let mut file = StdFile::open(&dir.path().join("f"), &options).unwrap();
    file.write_at(b"dirty", 0).unwrap();
    let refused = io::Error::from_raw_os_error(errno::EIO);
    let first = file.sync(Op::SyncData, |_| Err(refused)).unwrap_err();
    assert!(!first.is_poisoned(), "{first}");

    let mode = SyncMode::Normal;
    for again in [file.sync_all(mode), file.sync_data(mode), file.write_at(b"x", 0), file.set_len(0)] {
        let again = again.unwrap_err();
        assert!(again.is_poisoned(), "{again}");
        assert_eq!(again.raw_os_error(), Some(errno::EIO), "{again}");
        assert!(again.to_string().contains("sync_data"), "{again}");
    }
    file.write(b"x").unwrap_err();
    let mut found = [0; 9];
    assert_eq!(file.read_at(&mut found, 0).unwrap(), 5);
    assert!(found.starts_with(b"dirty"));
}
