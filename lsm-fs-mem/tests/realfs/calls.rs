//! Random calls from a seed.

use lsm_fs::FsOpenOptions;

use crate::ops::{HANDLES, HandleOp, Op};

/// splitmix64.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()].clone()
    }

    fn short(&mut self, bound: u64) -> u16 {
        u16::try_from(self.below(bound)).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(1 + self.below(255)).unwrap()
    }

    fn path(&mut self) -> String {
        let name = |seeded: &mut Self| seeded.pick(&["a", "b", "c"]).to_owned();
        let mut path = name(self);
        while self.below(3) > 0 && path.len() < 5 {
            path = format!("{path}/{}", name(self));
        }
        path
    }
}

/// Returns any call on names, handles, or content, or a sync.
pub(crate) fn any(seeded: &mut Seeded) -> Op {
    let new = FsOpenOptions::new().read(true).write(true);
    let slot = usize::try_from(seeded.below(HANDLES as u64)).unwrap();
    match seeded.below(20) {
        0 | 1 => Op::CreateDir(seeded.path()),
        2 => Op::RemoveFile(seeded.path()),
        3 => Op::RemoveDir(seeded.path()),
        4 => Op::RemoveDirAll(seeded.path()),
        5 | 6 => Op::Rename(seeded.path(), seeded.path()),
        7 => Op::RenameNoreplace(seeded.path(), seeded.path()),
        8 | 9 => Op::HardLink(seeded.path(), seeded.path()),
        10 => Op::Truncate(seeded.path(), seeded.short(9000)),
        11 => Op::Punch(seeded.path(), seeded.short(9000), seeded.short(9000)),
        12 => Op::SyncDir(seeded.path()),
        13..16 => {
            let options = [new.create(true), new.create(true).truncate(true), new.create_new(true)];
            Op::Open(slot, seeded.path(), seeded.pick(&options))
        }
        _ => {
            let op = match seeded.below(6) {
                0 | 1 => HandleOp::WriteAt(seeded.short(9000), seeded.short(9000), seeded.byte()),
                2 => HandleOp::Write(seeded.short(5000), seeded.byte()),
                3 => HandleOp::SetLen(seeded.short(9000)),
                4 => HandleOp::Read(seeded.short(9000)),
                _ => seeded.pick(&[HandleOp::SyncAll, HandleOp::SyncData, HandleOp::Describe]),
            };
            Op::On(slot, op)
        }
    }
}

/// Returns calls on names, syncs, and writes of one sector each. They leave few enough states to enumerate all of them.
pub(crate) fn simple(seeded: &mut Seeded) -> Vec<Op> {
    let paths = ["a", "b", "d/a", "d/b", "e", "e/a"].map(str::to_owned);
    let create = FsOpenOptions::new().write(true).create_new(true);
    let (path, other) = (seeded.pick(&paths), seeded.pick(&paths));
    match seeded.below(9) {
        0 => vec![Op::CreateDir(path)],
        1 | 2 => vec![Op::Rename(path, other)],
        3 => vec![Op::HardLink(path, other)],
        4 => vec![Op::RemoveFile(path)],
        5 => vec![Op::SyncDir(seeded.pick(&["", "d", "e"]).to_owned())],
        6 => {
            let open = Op::Open(0, path, FsOpenOptions::new().write(true));
            vec![open, Op::On(0, HandleOp::SyncAll), Op::Close(0)]
        }
        7 => vec![Op::Open(0, path, create), Op::Close(0)],
        _ => {
            let write = HandleOp::WriteAt(0, 40, seeded.byte());
            vec![Op::Open(0, path, create), Op::On(0, write), Op::Close(0)]
        }
    }
}
