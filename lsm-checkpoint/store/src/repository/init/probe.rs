//! The probe of a store: concurrent creates of one key.

use bytes::Bytes;
use futures::future::join_all;

use crate::{
    access::{Access, Answer, Failure, Right},
    error::{Error, Result, StoreError},
    id::Nonce,
    key::{Key, PROBES},
};

/// Runs all rounds, and removes the objects of each.
pub(super) async fn run(access: &Access) -> Result<()> {
    for _ in 0..access.options.probe.rounds {
        round(access).await?;
    }
    Ok(())
}

/// The result of a round.
enum Verdict {
    Sound,
    /// An answer was lost, so the round decides nothing.
    Open(StoreError),
    /// The store lacks an operation.
    Lacking(Error),
}

/// Runs a round, and repeats it under a new key until it decides.
async fn round(access: &Access) -> Result<()> {
    let mut attempts = access.attempts(PROBES, Right::Write);
    let mut without_winner = 0;
    loop {
        let key = Key::Probe(Nonce(access.random()?));
        let verdict = match race(access, key).await? {
            Race::Won(body) => examine(access, key, &body).await?,
            Race::Unanswered(source) => Verdict::Open(source),
            Race::Several(winners) => Verdict::Lacking(not_atomic(access, winners)),
            Race::Nobody => {
                without_winner += 1;
                nobody(access, key, without_winner).await?
            }
        };
        // Without the right to delete, the object stays and does no harm.
        let _ = access.delete(vec![key.to_string()]).await;
        match verdict {
            Verdict::Sound => return Ok(()),
            Verdict::Lacking(error) => return Err(error),
            Verdict::Open(source) => attempts.again(source).await?,
        }
    }
}

/// The end of a race.
enum Race {
    /// One racer has won, with this body.
    Won(Bytes),
    /// At least one racer got no answer.
    Unanswered(StoreError),
    /// Every racer was told that the object exists.
    Nobody,
    /// So many racers have won.
    Several(usize),
}

async fn race(access: &Access, key: Key) -> Result<Race> {
    let mut bodies = bodies(access);
    let answers = join_all(bodies.iter().map(|body| access.create(key, body.clone()))).await;
    let (mut winners, mut unanswered) = (Vec::new(), None);
    for (racer, answer) in answers.into_iter().enumerate() {
        match answer {
            Answer::Created => winners.push(racer),
            Answer::Exists => {}
            Answer::Refused(Failure::Lacking(source)) => {
                return Err(lacks(access, "put-if-absent", &source));
            }
            Answer::Refused(failure) => return Err(failure.at(Right::Write, key.to_string())),
            Answer::Unknown(source) => unanswered = Some(source),
        }
    }
    Ok(match (winners.as_slice(), unanswered) {
        (winners @ [_, _, ..], _) => Race::Several(winners.len()),
        (_, Some(source)) => Race::Unanswered(source),
        (&[winner], None) => Race::Won(bodies.swap_remove(winner)),
        ([], None) => Race::Nobody,
    })
}

/// The number of rounds without a winner after which the store is refused.
const WITHOUT_WINNER: u32 = 3;

/// Judges a race without a winner. A client that repeats a request by itself, after the answer to its first one was
/// lost, is told that its own object exists. Then the object is the body of a racer, and the round decides nothing. A
/// store that never lets anybody win is refused in the end.
async fn nobody(access: &Access, key: Key, times: u32) -> Result<Verdict> {
    let found = access.get(key, access.options.probe.bytes as u64).await?;
    let is_of_a_racer = found.is_some_and(|found| bodies(access).iter().any(|body| *body == found));
    Ok(if is_of_a_racer && times < WITHOUT_WINNER {
        Verdict::Open("every client was told that the object exists, the one that made it included".into())
    } else {
        Verdict::Lacking(not_atomic(access, 0))
    })
}

/// Compares the object with the winner's, and looks for it in a list.
async fn examine(access: &Access, key: Key, winner: &Bytes) -> Result<Verdict> {
    if access.get(key, access.options.probe.bytes as u64).await?.as_deref() != Some(&winner[..]) {
        let how = "the object is not the winner's";
        return Ok(Verdict::Lacking(lacks(access, "an atomic put-if-absent", &how)));
    }
    let mut listing = access.list(PROBES);
    while let Some(listed) = listing.next().await? {
        if listed.key == Some(key) {
            return Ok(Verdict::Sound);
        }
    }
    Ok(Verdict::Lacking(lacks(access, "a list that shows each object", &"one is missing")))
}

/// Makes the bodies of the racers, which differ.
fn bodies(access: &Access) -> Vec<Bytes> {
    let probe = access.options.probe;
    let body = |racer: u32| Bytes::from(vec![u8::try_from(racer % 251).unwrap_or(0); probe.bytes]);
    (0..probe.racers).map(body).collect()
}

fn not_atomic(access: &Access, winners: usize) -> Error {
    let how = format!("{winners} of {} concurrent creates of one key succeeded", access.options.probe.racers);
    lacks(access, "an atomic put-if-absent", &how)
}

fn lacks(access: &Access, what: &str, how: &dyn std::fmt::Display) -> Error {
    Error::StoreLacks { place: access.place(), what: format!("{what}: {how}") }
}
