//! Transactions: a change of the newest state.

use bytes::Bytes;

use super::Session;
use crate::{
    access::{Answer, Right},
    error::{Error, Result, StoreError},
    format::{HEAD_MAX, Head},
    id::TransactionId,
    key::Key,
};

/// The number of rounds in which other clients may commit first, before a change gives up.
const ROUNDS: u32 = 1000;
/// From this round on, a client waits for a random time before the next round, so that many clients do not block each
/// other.
const PATIENT: u32 = 3;

/// A change of the state. It is derived from the newest state, again and again until it is committed.
pub(crate) trait Change {
    /// The result for the caller.
    type Done;

    /// Names the change for errors.
    fn describe(&self) -> String;

    /// Checks the preconditions against a state, and returns the next state, or that the state already has the change.
    /// The caller fills in number, predecessor and transaction. The same state always gives the same next state.
    ///
    /// # Errors
    ///
    /// A precondition does not hold.
    async fn derive(&mut self, session: &Session, head: &Head) -> Result<Derived<Self::Done>>;
}

/// The outcome of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Creation {
    /// The state exists and counts.
    Committed,
    /// Another client was faster.
    Lost,
    /// K states have followed, or the server refuses the create while another is under way. It may still be committed.
    Unclear,
}

/// A change that was applied to a state.
#[derive(Debug)]
pub(crate) enum Derived<T> {
    /// The state has the change already.
    Already(T),
    /// The next state.
    Next(Head, T),
}

impl Session {
    /// Commits a change, and returns the state that has it.
    ///
    /// # Errors
    ///
    /// [`Unknown`](Error::Unknown) if the change may be committed now or later, also after a cancel. After any other
    /// error, [`Cancelled`](Error::Cancelled) included, it is not, with one exception: before `NoSuchBackup`, an
    /// earlier round may have committed the change, and a collector may have dropped the backup since.
    pub(crate) async fn commit<C: Change>(&self, change: &mut C) -> Result<(Head, C::Done)> {
        let transaction = TransactionId(self.access.random()?);
        let change_name = format!("{} in {}", change.describe(), self.access.place());
        let mut is_doubtful = false;
        for round in 0..ROUNDS {
            let doubt = |error| if is_doubtful { doubtful(error, &change_name) } else { error };
            if round > PATIENT {
                self.wait_at_random().await.map_err(doubt)?;
            }
            let newest = self.newest().await.map_err(doubt)?;
            let (next, done) = match change.derive(self, &newest.head).await.map_err(doubt)? {
                Derived::Already(done) => return Ok((newest.head, done)),
                Derived::Next(next, done) => (next, done),
            };
            // The read refuses a number near the end of the range.
            let number = newest.head.number + 1;
            let next = Head { number, previous: newest.sha256, transaction, ..next };
            match self.create(&next, &change_name).await.map_err(doubt)? {
                Creation::Committed => {
                    self.saw(number).await;
                    return Ok((next, done));
                }
                Creation::Lost => {}
                Creation::Unclear => is_doubtful = true,
            }
        }
        let contended = Error::Contended { place: self.access.place(), operation: change.describe() };
        Err(if is_doubtful { doubtful(contended, &change_name) } else { contended })
    }

    /// Creates a state.
    async fn create(&self, next: &Head, change: &str) -> Result<Creation> {
        let key = Key::Head(next.number);
        let bytes = Bytes::from(next.encode().map_err(|defect| Error::defect(key, defect))?);
        Error::if_too_large(key, bytes.len() as u64, HEAD_MAX)?;
        let unknown = |source: StoreError| Error::Unknown { change: change.to_owned(), source };
        let mut attempts = self.access.attempts(key, Right::Write);
        let mut unanswered: Option<StoreError> = None;
        // Nothing was sent yet, so a cancel is certain here.
        self.access.ask()?;
        loop {
            match self.access.create(key, bytes.clone()).await {
                Answer::Created => {
                    return self.created(next.number, self.rules().window).await.map_err(boxed(&unknown));
                }
                Answer::Exists => {
                    // A retry inside the client can lose against its own first request.
                    let found = self.found(next.number, &bytes).await.map_err(boxed(&unknown))?;
                    return Ok(found.unwrap_or(Creation::Unclear));
                }
                Answer::Refused(failure) => {
                    // The first request may have taken effect before a retry of the client was refused.
                    return match self.found(next.number, &bytes).await.map_err(boxed(&unknown))? {
                        Some(creation) if creation != Creation::Lost => Ok(creation),
                        _ => {
                            Err(unanswered.map_or_else(|| failure.at(Right::Write, key.to_string()), unknown))
                        }
                    };
                }
                Answer::Unknown(source) => {
                    // The outcome stays open until another create of this number, by any client, is answered. So try
                    // again. After a cancel, it stays open.
                    if !attempts.pause().await.is_ok_and(|is_left| is_left) {
                        return Err(unknown(source));
                    }
                    unanswered = Some(source);
                }
            }
        }
    }

    /// Compares the state under a number with this client's own. Returns `None` if there is no state.
    async fn found(&self, number: u64, own: &Bytes) -> Result<Option<Creation>> {
        match self.access.get(Key::Head(number), HEAD_MAX).await? {
            None => Ok(None),
            Some(found) if found != *own => Ok(Some(Creation::Lost)),
            Some(_) => self.created(number, self.rules().window_seen).await.map(Some),
        }
    }

    /// Decides if an existing state counts. If the proof has turned `rule` off, every state does.
    async fn created(&self, number: u64, rule: bool) -> Result<Creation> {
        let counts = !rule || self.counts(number).await?;
        Ok(if counts { Creation::Committed } else { Creation::Unclear })
    }

    async fn wait_at_random(&self) -> Result<()> {
        let [first, ..] = self.access.random()?;
        let options = &self.access.options;
        self.access.wait(options.first_pause * u32::from(first) / 256).await
    }
}

/// Converts an error that follows an unclear create: the change may still be committed. `NoSuchBackup` is passed on,
/// because without the backup the change is void.
fn doubtful(error: Error, change: &str) -> Error {
    match error {
        Error::NoSuchBackup { .. } | Error::Unknown { .. } => error,
        error => Error::Unknown { change: change.to_owned(), source: Box::new(error) },
    }
}

fn boxed(unknown: &impl Fn(StoreError) -> Error) -> impl Fn(Error) -> Error {
    |error| unknown(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use futures::future::BoxFuture;

    use super::*;
    use crate::{
        environment::{Environment, SystemEnvironment},
        format::{Backup, CatalogPlace, RefsPlace},
        id::{BackupId, Nonce, WriterId},
        key::ObjectName,
        location::Location,
        options::Options,
        repository::Repository,
    };

    #[test]
    fn a_state_that_no_client_would_read_is_not_written() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let repository = Repository::init(Location::memory(), Options::new()).await.unwrap();
            let session = repository.session();
            let newest = session.newest().await.unwrap().head;
            let refs = RefsPlace { offset: 0, len: 0, sha256: [0; 32] };
            let name = ObjectName { writer: WriterId([0; 16]), nonce: Nonce([0; 16]) };
            let catalog = CatalogPlace { name, len: 0, sha256: [0; 32], refs };
            let source = "x".repeat(255);
            let backup = |n: u32| {
                let mut id = BackupId([0; 16]);
                id.0[..4].copy_from_slice(&n.to_le_bytes());
                let (created, pushed) = Default::default();
                Backup {
                    id,
                    source: source.clone(),
                    seqno: None,
                    created,
                    pushed,
                    files: 0,
                    bytes: 0,
                    catalog,
                }
            };
            let backups = (0..170_000).map(backup).collect();
            let number = newest.number + 1;
            let error = session.create(&Head { number, backups, ..newest }, "backup").await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { limit: HEAD_MAX, .. }), "{error}");
            assert!(session.access.stat(Key::Head(number)).await.unwrap().is_none());
        });
    }

    /// The system, until its randomness fails.
    #[derive(Debug, Default)]
    struct WithoutRandomness {
        system: SystemEnvironment,
        is_dry: AtomicBool,
    }

    impl Environment for WithoutRandomness {
        fn random(&self) -> io::Result<[u8; 16]> {
            if self.is_dry.load(Ordering::Relaxed) {
                Err(io::Error::other("dry"))
            } else {
                self.system.random()
            }
        }

        fn now(&self) -> Duration {
            self.system.now()
        }

        fn unix_time(&self) -> Duration {
            self.system.unix_time()
        }

        fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
            self.system.sleep(time)
        }

        fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
            self.system.run_blocking(work);
        }
    }

    /// A change that another client always forestalls. In the first round, that client is K states ahead at once, so
    /// the outcome of the create is unclear.
    struct Forestalled<'e> {
        environment: &'e WithoutRandomness,
        is_unclear: bool,
    }

    impl Change for Forestalled<'_> {
        type Done = ();

        fn describe(&self) -> String {
            "the change".to_owned()
        }

        async fn derive(&mut self, session: &Session, head: &Head) -> Result<Derived<()>> {
            self.environment.is_dry.store(true, Ordering::Relaxed);
            let ahead =
                if std::mem::take(&mut self.is_unclear) { session.constants.kept_heads.get() } else { 0 };
            let other =
                Head { number: head.number + 1 + ahead, transaction: TransactionId([7; 16]), ..head.clone() };
            session.create(&other, "another change").await?;
            Ok(Derived::Next(head.clone(), ()))
        }
    }

    /// Without randomness, no client waits for its next round. A create that may have taken effect stays in doubt.
    #[test]
    fn a_failed_wait_after_an_unclear_create_is_unknown() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for is_unclear in [true, false] {
                let environment = Arc::new(WithoutRandomness::default());
                let given: Arc<dyn Environment> = environment.clone();
                let options = Options::new().environment(given);
                let repository = Repository::init(Location::memory(), options).await.unwrap();
                let mut change = Forestalled { environment: &environment, is_unclear };
                let error = repository.session().commit(&mut change).await.unwrap_err();
                match error {
                    Error::Unknown { .. } => assert!(is_unclear, "{error}"),
                    Error::System(_) => assert!(!is_unclear, "{error}"),
                    error => panic!("{error}"),
                }
            }
        });
    }
}
