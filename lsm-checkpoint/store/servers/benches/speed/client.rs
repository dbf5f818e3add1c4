//! Clients that run in a process of their own: ours, and `object_store` alone.
//!
//! ```text
//! init PREFIX | push PREFIX CHECKPOINT STATE | restore PREFIX TARGET | answer PREFIX
//! put PREFIX DIR [KNOWN] | get PREFIX DIR
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use lsm_checkpoint::Checkpoint;
use lsm_checkpoint_servers::BUCKET;
use lsm_checkpoint_store::{Location, Options, PushOptions, ReadOptions, RepositoryFs, blocking::Repository};
use lsm_fs::{FileHint, Fs, FsOpenOptions, StdFs};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt};

use crate::server::{KEY, SECRET, Served};

/// The argument that makes this program a client.
pub(crate) const WORD: &str = "speed-client";

/// The number of files at a time, as in our options.
pub(crate) const CONCURRENCY: usize = 16;
/// The length of a part, as in our options.
const PART: usize = 8 << 20;
const BLOCK: usize = 4 << 10;

/// Runs a client to its end. Returns its largest resident memory, in bytes.
pub(crate) fn run(served: &Served, arguments: &[&str]) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(WORD).args(arguments).envs(environment(served)).stdout(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap() << 10
}

/// The variables by which clients find the server.
pub(crate) fn environment(served: &Served) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", served.url.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ]
}

pub(crate) fn main(arguments: &[String]) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["init", prefix] => {
            // The rounds of the probe are left out: s3s-fs lets two racing creates both win.
            Repository::init(place(prefix), Options::new().probe_rounds(0)).unwrap();
        }
        ["push", prefix, checkpoint, state] => {
            std::fs::create_dir_all(state).unwrap();
            let options = Options::new().state(Arc::new(StdFs), state);
            let repository = Repository::open(place(prefix), options).unwrap();
            repository.push(Arc::new(StdFs), Path::new(checkpoint), &PushOptions::new()).unwrap();
        }
        ["restore", prefix, target] => {
            let fs: Arc<dyn Fs> = Arc::new(StdFs);
            newest(prefix).restore(&fs, Path::new(target), &Checkpoint::new()).unwrap();
        }
        ["answer", prefix] => answer(&newest(prefix)),
        ["put", prefix, dir] => bare(put(prefix, Path::new(dir), None)),
        ["put", prefix, dir, known] => bare(put(prefix, Path::new(dir), Some(Path::new(known)))),
        ["get", prefix, dir] => bare(get(prefix, Path::new(dir))),
        _ => panic!("{arguments:?}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{}", peak.trim().trim_end_matches(" kB"));
}

fn place(prefix: &str) -> Location {
    Location::parse(&format!("s3://{BUCKET}/{prefix}")).unwrap()
}

fn newest(prefix: &str) -> RepositoryFs {
    let repository = Repository::open(place(prefix), Options::new()).unwrap();
    let last = repository.list().unwrap().pop().unwrap();
    repository.files(last.id, &ReadOptions::new()).unwrap()
}

/// Reads as an engine does for its first key: CURRENT, the last block of a table, a block of its index, and a block of
/// its data.
fn answer(files: &RepositoryFs) {
    let open = |path: &Path| files.open(path, &FsOpenOptions::new().read(true)).unwrap();
    let mut block = vec![0; BLOCK];
    open(&files.dir().join("CURRENT")).read_at(&mut block, 0).unwrap();
    let tables = files.dir().join("tables");
    let table = files.read_dir(&tables).unwrap().pop().unwrap();
    let table = open(&tables.join(table.name));
    table.hint(FileHint::Random).unwrap();
    let len = table.metadata().unwrap().len;
    for offset in [len - BLOCK as u64, len - len / 100, len / 2] {
        table.read_at(&mut block, offset).unwrap();
    }
}

fn bare(work: impl Future<Output = object_store::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(work).unwrap();
}

fn store() -> Arc<dyn ObjectStore> {
    let options = ClientOptions::new().with_allow_http(true);
    let builder = AmazonS3Builder::from_env().with_bucket_name(BUCKET).with_client_options(options);
    Arc::new(builder.build().unwrap())
}

/// Runs some tasks, a fixed number at a time.
async fn each<I, F>(tasks: I) -> object_store::Result<()>
where
    I: Iterator<Item = F>,
    F: Future<Output = object_store::Result<()>> + Send + 'static,
{
    let tasks = futures::stream::iter(tasks.map(tokio::spawn)).buffer_unordered(CONCURRENCY);
    tasks.map(|joined| joined.unwrap()).try_collect().await
}

async fn put(prefix: &str, dir: &Path, known: Option<&Path>) -> object_store::Result<()> {
    let store = store();
    let mut files = Vec::new();
    for folder in ["", "tables"] {
        for entry in std::fs::read_dir(dir.join(folder)).unwrap() {
            let name = Path::new(folder).join(entry.unwrap().file_name());
            let is_known = folder == "tables" && known.is_some_and(|known| known.join(&name).exists());
            if dir.join(&name).is_file() && !is_known {
                files.push(name);
            }
        }
    }
    each(files.into_iter().map(|name| {
        let (key, path) = (Key::from(format!("{prefix}/{}", name.display())), dir.join(&name));
        put_one(Arc::clone(&store), key, path)
    }))
    .await
}

async fn put_one(store: Arc<dyn ObjectStore>, key: Key, path: PathBuf) -> object_store::Result<()> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path).unwrap();
    let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let read = |from: usize| {
        let mut bytes = vec![0; PART.min(len - from)];
        file.read_exact_at(&mut bytes, from as u64).unwrap();
        Bytes::from(bytes)
    };
    if len <= PART {
        return store.put(&key, read(0).into()).await.map(drop);
    }
    let mut upload = store.put_multipart(&key).await?;
    for from in (0..len).step_by(PART) {
        upload.put_part(read(from).into()).await?;
    }
    upload.complete().await.map(drop)
}

async fn get(prefix: &str, dir: &Path) -> object_store::Result<()> {
    let store = store();
    std::fs::create_dir_all(dir.join("tables")).unwrap();
    let root = Key::from(prefix);
    let listed: Vec<_> = store.list(Some(&root)).try_collect().await?;
    each(listed.into_iter().map(|meta| {
        let name = meta.location.as_ref().trim_start_matches(prefix).trim_start_matches('/').to_owned();
        get_one(Arc::clone(&store), meta.location, dir.join(name))
    }))
    .await?;
    for folder in ["", "tables"] {
        std::fs::File::open(dir.join(folder)).unwrap().sync_all().unwrap();
    }
    Ok(())
}

async fn get_one(store: Arc<dyn ObjectStore>, key: Key, path: PathBuf) -> object_store::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create_new(path).unwrap();
    let mut body = store.get(&key).await?.into_stream();
    while let Some(bytes) = body.try_next().await? {
        file.write_all(&bytes).unwrap();
    }
    tokio::task::spawn_blocking(move || file.sync_all().unwrap()).await.unwrap();
    Ok(())
}
