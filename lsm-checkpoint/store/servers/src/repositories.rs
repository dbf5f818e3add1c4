//! The final check of a test: fence all writers, collect once, and find no garbage.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use lsm_checkpoint_store::proof::{BackupCatalog, Head};
use lsm_checkpoint_store::{CollectOptions, Key, Repository};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::tour::Failure;

/// Fences every writer that is registered.
///
/// # Errors
///
/// As [`Repository::fence`].
pub async fn fence_all(repository: &Repository) -> Result<(), Failure> {
    for writer in repository.status().await?.writers {
        repository.fence(writer.id).await?;
    }
    Ok(())
}

/// Fences all writers, collects without a grace, and fails if garbage is left or a needed object is missing.
///
/// # Errors
///
/// There is garbage, or an object that is needed has gone.
pub async fn assert_no_garbage(
    repository: &Repository,
    store: &Arc<dyn ObjectStore>,
    prefix: &str,
) -> Result<(), Failure> {
    fence_all(repository).await?;
    repository.collect(&CollectOptions::new().grace(Duration::ZERO)).await?;
    let root = Path::from(prefix);
    let listed: Vec<_> = store.list(Some(&root)).try_collect().await?;
    let strip = |path: &Path| path.as_ref().trim_start_matches(prefix).trim_start_matches('/').to_owned();
    let found: BTreeSet<String> = listed.iter().map(|meta| strip(&meta.location)).collect();
    let state = repository.status().await?.state;
    let mut needed = BTreeSet::from(["repository".to_owned()]);
    let oldest = (state + 1).saturating_sub(repository.constants().kept_heads.get());
    needed.extend((oldest..=state).map(|number| Key::Head(number).to_string()));
    let bytes =
        |key: String| async move { store.get(&Path::from(format!("{prefix}/{key}"))).await?.bytes().await };
    let head = Head::decode(state, bytes(Key::Head(state).to_string()).await?.to_vec())?;
    for backup in head.referenced() {
        let key = Key::Catalog(backup.catalog.name).to_string();
        let catalog = BackupCatalog::decode(bytes(key.clone()).await?.to_vec())?;
        needed.insert(key);
        needed.extend(catalog.refs.iter().map(|object| Key::Data(object.name).to_string()));
    }
    if found == needed {
        return Ok(());
    }
    let (garbage, lost) = (found.difference(&needed).count(), needed.difference(&found).count());
    let example = found.symmetric_difference(&needed).next();
    Err(format!("{garbage} objects of garbage, {lost} lost, such as {example:?}").into())
}
