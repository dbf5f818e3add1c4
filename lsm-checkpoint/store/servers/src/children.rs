//! [`Child`]: a worker process and its output.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;

/// A line that a worker wrote, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// A line of the worker of this number.
    Line(u32, String),
    /// The output of the worker has ended.
    End(u32),
}

/// A running worker. It is killed when it is dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
}

impl Child {
    /// Starts a worker. Its lines go to `words`.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub fn start<W: From<Words> + Send + 'static>(
        program: &Path,
        number: u32,
        arguments: &[String],
        words: Sender<W>,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::of(command, number, words)
    }

    /// As [`start`](Self::start), for a command that the caller has prepared.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub fn of<W: From<Words> + Send + 'static>(
        mut command: Command,
        number: u32,
        words: Sender<W>,
    ) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                words.send(Words::Line(number, line).into()).ok();
            }
            words.send(Words::End(number).into()).ok();
        });
        Ok(Self { process })
    }

    /// Asks the worker to stop after its current step, by closing its input.
    pub fn stop(&mut self) {
        self.process.stdin.take();
    }

    /// Kills the worker at once, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The process cannot be waited for.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.process.kill().ok();
        self.process.wait()
    }

    /// Waits for the end of the worker.
    ///
    /// # Errors
    ///
    /// The process cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.process.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill().ok();
    }
}
