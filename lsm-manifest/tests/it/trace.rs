//! The order of the filesystem calls, as text. If a sync goes missing, a line goes missing.

use std::path::Path;

use lsm_fs_mem::TraceFs;
use lsm_manifest::{ManifestArchiveWriter, ReadOptions, WriteOptions, publish_current, remove_stale, repair};

use crate::support::{DIR, SECTIONS, mem_fs, put_file, version_path, write};

#[test]
fn a_publication_syncs_the_archive_its_name_and_the_pointer() {
    let fs = TraceFs::new(mem_fs()).relative_to(DIR).only_changes();
    put_file(fs.inner(), &version_path(6), b"old");
    let archive = write(&fs, &version_path(7), WriteOptions::new(), &SECTIONS).unwrap();
    fs.note("durable");
    let _ = publish_current(&archive).unwrap();
    fs.note("published");
    remove_stale(&fs, Path::new(DIR), 7).unwrap();
    assert_eq!(
        fs.take(),
        "\
open v7 write create_new -> #1
write_at #1 v7 0+4517
sync_all #1 v7 normal
sync_directory . normal = durable
-- durable
open .current.tmp-0 write create_new -> #2
write_at #2 .current.tmp-0 0+25
sync_all #2 .current.tmp-0 normal
rename .current.tmp-0 -> current
sync_directory . normal = durable
-- published
remove_file v6
"
    );
}

#[test]
fn a_long_section_is_written_at_once_and_the_mirror_last() {
    let fs = TraceFs::new(mem_fs()).relative_to(DIR).only_changes();
    let mut writer = ManifestArchiveWriter::create(&fs, &version_path(1), WriteOptions::new()).unwrap();
    writer.add_section("a", b"1").unwrap();
    writer.add_section("b", &[2; 300_000]).unwrap();
    writer.add_section("c", b"3").unwrap();
    writer.finish().map(drop).unwrap();
    assert_eq!(
        fs.take(),
        "\
open v1 write create_new -> #1
write_at #1 v1 0+4165
write_at #1 v1 4165+300000
write_at #1 v1 304165+170
write_at #1 v1 0+131
sync_all #1 v1 normal
sync_directory . normal = durable
"
    );
}

#[test]
fn a_healthy_file_is_not_touched_by_repair() {
    let fs = TraceFs::new(mem_fs()).relative_to(DIR).only_changes();
    write(fs.inner(), &version_path(1), WriteOptions::new(), &SECTIONS).map(drop).unwrap();
    let done = repair(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert_eq!((done.parts.len(), done.damaged.len(), done.directory_sync), (0, 0, None));
    assert_eq!(fs.take(), "");
}
