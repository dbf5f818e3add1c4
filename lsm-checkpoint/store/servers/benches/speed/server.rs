//! s3s-fs in a process of its own, with signatures, which rclone and restic always send.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hyper_util::rt::TokioIo;
use lsm_checkpoint_servers::BUCKET;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

/// The argument that makes this program the server.
pub(crate) const WORD: &str = "speed-server";

pub(crate) const KEY: &str = "access";
pub(crate) const SECRET: &str = "bbbbbbbb";

/// A running server. It ends when it is dropped.
pub(crate) struct Served {
    child: Child,
    /// Its address, as in `http://127.0.0.1:5000`.
    pub(crate) url: String,
    dir: PathBuf,
}

impl Served {
    pub(crate) fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join(BUCKET)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(WORD).arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned(), dir: dir.to_owned() }
    }

    /// Removes the objects below a prefix from the server's disk.
    pub(crate) fn remove(&self, prefix: &str) {
        std::fs::remove_dir_all(self.dir.join(BUCKET).join(prefix)).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Serves a directory until the input ends.
pub(crate) fn main(arguments: &[String]) {
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let mut builder = S3ServiceBuilder::new(FileSystem::new(&arguments[0]).unwrap());
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).ok();
            let service = service.clone();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                connection.serve_connection(TokioIo::new(socket), service).await.ok();
            });
        }
    });
}
