//! [`Subset`]: selects a part of the files, always the same ones.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

/// One of several parts that the files of a checkpoint are divided into. The parts have about the same number of files.
///
/// The part of a file depends only on its path, so the file is in the same part in every checkpoint. A nightly
/// verification with parts 1 to 7 in turn reads every file once a week.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint::{Subset, VerifyOptions};
///
/// let third = Subset::new(3, 7).expect("3 lies between 1 and 7");
/// assert!(VerifyOptions::full().subset(third).full);
/// assert_eq!(Subset::new(8, 7), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subset {
    part: u64,
    parts: u64,
}

impl Subset {
    /// Selects part number `part` of `parts`, counted from 1. Returns `None` if there is no such part.
    #[must_use]
    pub const fn new(part: u64, parts: u64) -> Option<Self> {
        if part == 0 || part > parts { None } else { Some(Self { part, parts }) }
    }

    /// Returns `true` if the file at this path, relative to the checkpoint, is in this part.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        xxh3_64(path.as_os_str().as_encoded_bytes()) % self.parts == self.part - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_one_part_and_the_parts_have_similar_sizes() {
        let parts: Vec<_> = (1..=7).map(|part| Subset::new(part, 7).unwrap()).collect();
        let mut sizes = [0_u32; 7];
        for number in 0..700 {
            let path = format!("tables/{number}.sst");
            let holders: Vec<_> = (0..7).filter(|&at| parts[at].contains(Path::new(&path))).collect();
            assert_eq!(holders.len(), 1, "{path}");
            sizes[holders[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (70..=130).contains(size)), "{sizes:?}");
    }

    /// If a new version of this crate moved files between parts, a weekly cycle could miss some.
    #[test]
    fn the_part_of_a_file_never_changes() {
        let part = |path: &str| (1..=7).find(|&part| Subset::new(part, 7).unwrap().contains(Path::new(path)));
        assert_eq!(["tables/1", "tables/2", "blobs/1"].map(part), [Some(3), Some(2), Some(4)]);
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!([Subset::new(0, 7), Subset::new(8, 7), Subset::new(1, 0)], [None; 3]);
        assert!(Subset::new(1, 1).unwrap().contains(Path::new("x")));
    }
}
