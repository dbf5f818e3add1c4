//! [`Options`]: the parameters of a client.

use std::{fmt, num::NonZeroU64, path::PathBuf, sync::Arc, time::Duration};

use lsm_fs::Fs;

use crate::{
    environment::{Environment, SystemEnvironment},
    rules::Rules,
};

/// The options of a [`Repository`](crate::Repository).
#[derive(Clone)]
pub struct Options {
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) concurrency: usize,
    pub(crate) part: u64,
    pub(crate) in_flight: u64,
    pub(crate) bytes_per_second: Option<NonZeroU64>,
    pub(crate) attempts: u32,
    pub(crate) first_pause: Duration,
    pub(crate) state: Option<(Arc<dyn Fs>, PathBuf)>,
    pub(crate) kept_heads: NonZeroU64,
    pub(crate) probe: Probe,
    pub(crate) rules: Rules,
}

/// The probe of `init`: rounds of concurrent creates of one key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) rounds: u32,
    pub(crate) racers: u32,
    pub(crate) bytes: usize,
}

const KEPT_HEADS: NonZeroU64 = NonZeroU64::new(128).unwrap();
const MIB: u64 = 1 << 20;
/// The least length of a part. S3 requires it of all parts except the last.
pub(crate) const PART_MIN: u64 = 5 * MIB;

impl Default for Options {
    fn default() -> Self {
        Self {
            environment: Arc::new(SystemEnvironment::default()),
            concurrency: 16,
            part: 8 * MIB,
            in_flight: 96 * MIB,
            bytes_per_second: None,
            attempts: 6,
            first_pause: Duration::from_millis(200),
            state: None,
            kept_heads: KEPT_HEADS,
            probe: Probe { rounds: 20, racers: 8, bytes: 1 << 20 },
            rules: Rules::ALL,
        }
    }
}

impl Options {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of files that a push or a verification transfers at a time, the number of parts of one file that
    /// a push sends at a time, and the number of requests for bytes of files that a restore or another reader of
    /// [`RepositoryFs`](crate::RepositoryFs) makes at a time. Default: 16. The [bytes in flight](Self::bytes_in_flight)
    /// are a second limit. With 1, a push makes its requests one after the other.
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// Sets the length of the parts in which long files are sent. Default: 8 MiB. It is rounded up to MiB. The least is
    /// 5 MiB, which S3 requires, and the most 1 GiB. Parts of very long files are longer, because no file is sent in
    /// more than 9,000 parts.
    #[must_use]
    pub fn part_bytes(mut self, bytes: u64) -> Self {
        self.part = bytes.clamp(PART_MIN, 1 << 30).next_multiple_of(MIB);
        self
    }

    /// Limits the bytes of files that a push or a verification holds in memory on their way to or from the store.
    /// Default: 96 MiB. One part is always allowed. [`ReadOptions::memory`](crate::ReadOptions::memory) limits readers.
    #[must_use]
    pub fn bytes_in_flight(mut self, bytes: u64) -> Self {
        self.in_flight = bytes;
        self
    }

    /// Limits the rate at which bytes of files are sent and received. Default: no limit.
    ///
    /// In any interval, the client begins to transfer at most the rate times the length of the interval, and one body
    /// more: the bytes of one request. A body travels at the speed of the network, and the pause comes after it. So
    /// bodies are short. They have the bytes of one second, but at least 5 MiB if a file is sent, and at least 1 MiB if
    /// it is read. Long files are sent and read in more requests then. Only a file of which 9,000 such parts would not
    /// be enough is sent in longer ones.
    ///
    /// The limit holds for all clones of a repository together, and for each [`RepositoryFs`](crate::RepositoryFs)
    /// apart. Catalogs and states do not count, and neither do bytes that are sent again after a failure. A call that
    /// is cancelled keeps the slots that it has reserved, one body for each file under way.
    #[must_use]
    pub fn bytes_per_second(mut self, bytes: Option<NonZeroU64>) -> Self {
        self.bytes_per_second = bytes;
        self
    }

    /// Sets the number of times that a request is made before its failure is reported. The client of a cloud repeats
    /// each of them by itself as well. Default: 6. The pause between two attempts starts at `first_pause`, and doubles
    /// up to 20 seconds. For a store in the cloud, [`Retries`](crate::Retries) also limits the time, and allows at
    /// least one attempt for each minute of it.
    #[must_use]
    pub fn attempts(mut self, attempts: u32, first_pause: Duration) -> Self {
        (self.attempts, self.first_pause) = (attempts.max(1), first_pause);
        self
    }

    /// Sets the state directory of this client. It must exist. Any number of clients may use it, but only one of them
    /// may push at a time, because two pushes of the same checkpoint would mix their notes. No lock is taken for longer
    /// than a write takes, so a client that only reads never disturbs a push.
    ///
    /// With it, a killed push resumes where it stopped, a rollback of the repository is noticed, and a collect reads
    /// the references of new backups only. The directory holds no secrets, and can be removed while no client uses it.
    ///
    /// If the directory cannot be written, for instance because its disk is full, the client warns once through the
    /// crate `log` and goes on. It still notices a rollback that happens while it runs. Only a push that cannot note
    /// that it has begun fails.
    #[must_use]
    pub fn state(mut self, fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Self {
        self.state = Some((fs, dir.into()));
        self
    }

    /// Replaces the sources of randomness, time and threads.
    #[must_use]
    pub fn environment(mut self, environment: Arc<dyn Environment>) -> Self {
        self.environment = environment;
        self
    }

    /// Sets K for `init`.
    #[cfg(feature = "proof")]
    #[doc(hidden)]
    #[must_use]
    pub fn kept_heads(mut self, kept: NonZeroU64) -> Self {
        self.kept_heads = kept;
        self
    }

    /// Sets the number of rounds in which `init` probes the store.
    #[cfg(feature = "proof")]
    #[doc(hidden)]
    #[must_use]
    pub fn probe_rounds(mut self, rounds: u32) -> Self {
        self.probe.rounds = rounds;
        self
    }

    /// Turns off rules of the protocol.
    #[cfg(feature = "proof")]
    #[doc(hidden)]
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("concurrency", &self.concurrency)
            .field("part", &self.part)
            .field("in_flight", &self.in_flight)
            .field("bytes_per_second", &self.bytes_per_second)
            .field("attempts", &self.attempts)
            .field("state", &self.state.as_ref().map(|(_, dir)| dir))
            .finish_non_exhaustive()
    }
}
