//! Servers in other processes: moto and Azurite. `cargo xtask servers` installs them below `target/servers`.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::upstream::Upstream;

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts moto, an S3 server in Python.
    ///
    /// # Errors
    ///
    /// The program is missing, or ended before it listened.
    pub fn moto(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let out = child.stderr.take();
        Self::wait(child, out)
    }

    /// Starts Azurite, Microsoft's emulator of its blob store. It keeps its files in `dir`.
    ///
    /// # Errors
    ///
    /// The program is missing, or ended before it listened.
    pub fn azurite(program: &Path, dir: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--skipApiVersionCheck", "--disableTelemetry", "--blobPort", "0", "--location"]);
        let mut child = command.arg(dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take();
        Self::wait(child, out)
    }

    /// Reads the server's output until it names its address.
    fn wait(mut child: Child, out: Option<impl Read + Send + 'static>) -> io::Result<Self> {
        let mut lines = BufReader::new(out.ok_or(io::ErrorKind::BrokenPipe)?).lines();
        let found = lines.by_ref().map_while(Result::ok).find_map(|line| port(&line));
        let Some(port) = found else {
            child.kill().ok();
            child.wait()?;
            return Err(io::Error::other("the server ended before it listened"));
        };
        // Keep reading, because a full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Returns the server for a proxy.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        Upstream::Remote(self.address)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Finds the port in a line such as `Running on http://127.0.0.1:5000`.
fn port(line: &str) -> Option<u16> {
    let rest = line.split_once("http://127.0.0.1:")?.1;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_the_words_of_a_server() {
        assert_eq!(port(" * Running on http://127.0.0.1:5000"), Some(5000));
        assert_eq!(port("Azurite Blob service successfully listens on http://127.0.0.1:41977"), Some(41977));
        assert_eq!(port("Press CTRL+C to quit"), None);
    }
}
