//! [`Output`]: results on stdout, everything else on stderr.

use std::{
    cell::RefCell,
    io::{self, BufWriter, ErrorKind, Stdout, Write},
};

use console::style;

use crate::{exit::Exit, failure::Failure, record::Record, text::plain};

/// The form of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The destination of results and diagnostics.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) form: Form,
    pub(crate) quiet: bool,
    stdout: RefCell<BufWriter<Stdout>>,
    /// The first failed write. Later writes are skipped, and the work goes on.
    failure: RefCell<Option<io::Error>>,
}

impl Output {
    pub(crate) fn new(form: Form, quiet: bool) -> Self {
        let stdout = RefCell::new(BufWriter::new(io::stdout()));
        Self { form, quiet, stdout, failure: RefCell::new(None) }
    }

    /// Writes a line for people.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        if self.form == Form::Text {
            self.write(|stdout| writeln!(stdout, "{}", plain(line.as_ref())));
        }
    }

    /// Writes lines for people, such as a table.
    pub(crate) fn lines(&self, lines: &str) {
        lines.lines().for_each(|line| self.line(line));
    }

    /// Writes an object for programs.
    pub(crate) fn record(&self, record: &Record) {
        if self.form == Form::Json {
            self.write(|stdout| writeln!(stdout, "{record}"));
        }
    }

    /// Writes bytes as they are, whatever the form.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.write(|stdout| stdout.write_all(bytes));
    }

    fn write(&self, write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) {
        let mut failure = self.failure.borrow_mut();
        if failure.is_none() {
            *failure = write(&mut self.stdout.borrow_mut()).err();
        }
    }

    /// Flushes the results. Called before a long step, and before a line on stderr.
    pub(crate) fn flush(&self) {
        self.write(BufWriter::flush);
    }

    /// Ends the output. A reader that closes the pipe early, as `head` does, is not a failure.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.flush();
        match self.failure.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::of_stdout(&error)),
            _ => Ok(()),
        }
    }

    /// Writes a remark to stderr.
    pub(crate) fn note(&self, note: impl AsRef<str>) {
        if !self.quiet {
            self.flush();
            to_stderr(&format!("note: {}", plain(note.as_ref())));
        }
    }

    /// Writes a failure to stderr.
    pub(crate) fn failure(&self, failure: &Failure, signal: Option<u8>) {
        self.flush();
        show_failure(self.form, failure, signal);
    }
}

/// Writes a failure to stderr: one sentence and maybe a hint, or an object.
pub(crate) fn show_failure(form: Form, failure: &Failure, signal: Option<u8>) {
    if form == Form::Json {
        to_stderr(&failure.record(signal).to_string());
        return;
    }
    let label = style("error:").red().bold().for_stderr();
    // A usage error from clap has several lines of its own.
    let message = if failure.exit == Exit::Usage {
        failure.message.clone()
    } else {
        plain(&failure.message).into_owned()
    };
    to_stderr(&format!("{label} {message}"));
    if let Some(hint) = &failure.hint {
        let label = style("hint:").cyan().bold().for_stderr();
        to_stderr(&format!("{label} {}", plain(hint)));
    }
}

/// Writes a line to stderr. If that fails, there is nobody left to inform.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
