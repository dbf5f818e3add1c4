//! The table of modes on each filesystem. XFS and btrfs clone, and the others copy.

use crate::{
    mounts::{BTRFS, EXT4, TMPFS, XFS, root},
    shared::modes::host::table_on,
};

#[test]
fn a_table_of_modes_on_each_mount() {
    for variable in [EXT4, XFS, BTRFS, TMPFS] {
        println!("{variable}");
        table_on(&root(variable));
    }
}
