//! Verifies manifests that are archives of `lsm-manifest`.

use std::{io, path::Path};

use lsm_fs::Fs;
use lsm_manifest::{CURRENT_VERSION_FILE, ReadOptions, recover, version_file_name};

use super::{Defect, Problem, VerifyReport};
use crate::{
    PointerProblem,
    pointer::{self, TreePointer},
};

/// Verifies the trees whose manifest is an archive of `lsm-manifest`.
pub(super) fn check(fs: &dyn Fs, dir: &Path, options: &ReadOptions, report: &mut VerifyReport) {
    let VerifyReport { catalog, problems, healed, .. } = report;
    for pointer in pointer::of_trees(catalog) {
        let path = pointer.folder().join(CURRENT_VERSION_FILE);
        let expected = pointer.tree.version_id;
        let of_pointer = match pointer.problem(fs, dir) {
            Ok(Some(PointerProblem::Version { found })) => Some(Defect::Version { expected, found }),
            Ok(Some(PointerProblem::NoCurrent)) => Some(Defect::Missing),
            Ok(Some(PointerProblem::NoArchive)) => {
                let path = pointer.folder().join(version_file_name(expected));
                problems.push(Problem { path, what: Defect::Missing });
                continue;
            }
            // A missing file has been reported already.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Some(Defect::Unreadable(error)),
            Ok(None) | Err(_) => None,
        };
        let what = match of_pointer {
            Some(defect) => Some(defect),
            None => check_archive(fs, dir, options, &pointer, healed),
        };
        problems.extend(what.map(|what| Problem { path, what }));
    }
}

/// Reads every section of a tree's archive, if the tree has an archive that CURRENT may name.
fn check_archive(
    fs: &dyn Fs,
    dir: &Path,
    options: &ReadOptions,
    pointer: &TreePointer<'_>,
    healed: &mut Vec<String>,
) -> Option<Defect> {
    let (current, archive, expected) = (pointer.current?, pointer.archive?, pointer.tree.version_id);
    let has_checksums = current.checksum.is_some() && archive.checksum.is_some();
    match recover(fs, &dir.join(pointer.folder()), options) {
        Ok(Some(recovered)) if recovered.current.version_id == expected => {
            let of_tree = |section: String| format!("{}/{section}", pointer.tree.folder);
            healed.extend(recovered.healed.into_iter().map(of_tree));
            None
        }
        Ok(Some(recovered)) => Some(Defect::Version { expected, found: recovered.current.version_id }),
        Ok(None) => Some(Defect::Missing),
        // An engine may use these names for metadata in its own format. The comparison with the catalog's checksum has
        // already detected any damage.
        Err(error) if has_checksums && is_other_format(&error) => None,
        // The comparison has also checked an archive that needs a key.
        Err(lsm_manifest::Error::KeyRequired { .. }) if has_checksums => None,
        Err(error) => Some(Defect::Manifest(error)),
    }
}

/// Returns `true` if nothing of CURRENT or of the archive can be read. It has another format, or it is damaged
/// everywhere.
fn is_other_format(error: &lsm_manifest::Error) -> bool {
    match error {
        lsm_manifest::Error::NoFooter { .. }
        | lsm_manifest::Error::CurrentEmpty { .. }
        | lsm_manifest::Error::CurrentZeros { .. } => true,
        lsm_manifest::Error::Corrupt { file, .. } => file.ends_with(CURRENT_VERSION_FILE),
        _ => false,
    }
}
