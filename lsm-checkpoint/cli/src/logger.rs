//! The logger that prints the messages of the libraries to stderr.

use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};

use crate::text::plain;

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            // If stderr is gone, nobody can read the message.
            let _ = writeln!(io::stderr(), "{level}: {}", plain(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Installs the logger. Unless `verbose` is set it prints nothing, because each verb reports its own results.
pub(crate) fn start(verbose: bool) {
    log::set_max_level(if verbose { LevelFilter::Debug } else { LevelFilter::Off });
    // Nothing else in this process sets a logger.
    let _ = log::set_logger(&Logger);
}
