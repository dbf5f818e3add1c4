//! Advice about problems: the loss, and the next step.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use lsm_checkpoint::{CATALOG_FILE, Catalog, Defect, Problem};

use crate::{failure::is_denied, session::Session, text, verbs::show::kind};

/// Sums up the files and bytes with problems, by kind.
pub(super) fn lost(session: &Session, catalog: &Catalog, problems: &[Problem]) -> String {
    let named: BTreeSet<&PathBuf> = problems.iter().map(|problem| &problem.path).collect();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut bytes = 0_u64;
    for file in catalog.files.iter().filter(|file| named.contains(&catalog.path_of(file))) {
        *kinds.entry(kind(file)).or_default() += 1;
        bytes = bytes.saturating_add(file.len);
    }
    if kinds.is_empty() {
        return "no file of the catalog".to_owned();
    }
    let kinds: Vec<_> =
        kinds.into_iter().map(|(kind, number)| text::count(number, &format!("{kind} file"))).collect();
    format!("{}, {} of {}", kinds.join(", "), session.size(bytes), session.size(catalog.total_bytes()))
}

/// Returns `true` if there are problems, and all of them are entries that this user may not read.
pub(super) fn are_denied(problems: &[Problem]) -> bool {
    !problems.is_empty() && problems.iter().all(|problem| is_denied(&problem.what))
}

/// Returns the next step, or `None` if there is no problem, or if the failure names the step.
pub(super) fn next(path: &Path, problems: &[Problem]) -> Option<String> {
    let first = problems.first().filter(|_| !are_denied(problems))?;
    if problems.iter().all(|problem| matches!(problem.what, Defect::Unexpected)) {
        return Some("move these entries elsewhere; every file that the catalog lists is there".to_owned());
    }
    let is_degraded = |problem: &Problem| matches!(problem.what, Defect::Degraded);
    if problems.iter().all(is_degraded) && first.path == Path::new(CATALOG_FILE) {
        let catalog = text::word(&path.join(CATALOG_FILE));
        return Some(format!("`lsm-checkpoint manifest repair {catalog}` rewrites the damaged copy"));
    }
    let parent = lsm_fs::parent_of(path);
    let list = format!("lsm-checkpoint list {}", text::word(parent));
    Some(format!("do not restore from it; use an older checkpoint (`{list}`), and make a new one soon"))
}
