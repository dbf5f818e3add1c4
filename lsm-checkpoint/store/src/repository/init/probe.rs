//! The probe of a store: concurrent creates of one key.

use bytes::Bytes;
use futures::{StreamExt, future::join_all};

use crate::{
    access::{Access, Answer, Failure},
    error::{Error, Result},
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

/// Runs a round, and repeats it under a new key until each racer has an answer.
async fn round(access: &Access) -> Result<()> {
    let mut attempts = access.attempts(PROBES);
    loop {
        let key = Key::Probe(Nonce(access.random()?));
        let (verdict, unanswered) = race(access, key).await?;
        // Without the right to delete, the object stays and does no harm.
        let _ = access.delete(vec![key.to_string()]).await;
        match unanswered {
            None => return verdict,
            Some(source) if !attempts.pause().await => {
                return Err(Error::Store { key: key.to_string(), source });
            }
            Some(_) => {}
        }
    }
}

async fn race(access: &Access, key: Key) -> Result<(Result<()>, Option<crate::error::StoreError>)> {
    let probe = access.options.probe;
    let bodies: Vec<_> = (0..probe.racers).map(|racer| body(racer, probe.bytes)).collect();
    let answers = join_all(bodies.iter().map(|body| access.create(key, body.clone()))).await;
    let (mut winners, mut unanswered) = (Vec::new(), None);
    for (body, answer) in bodies.iter().zip(answers) {
        match answer {
            Answer::Created => winners.push(body),
            Answer::Exists => {}
            Answer::Refused(Failure::Lacking(source)) => {
                return Err(lacks(access, "put-if-absent", &source));
            }
            Answer::Refused(failure) => return Err(failure.at(key.to_string())),
            Answer::Unknown(source) => unanswered = Some(source),
        }
    }
    if unanswered.is_some() {
        return Ok((Ok(()), unanswered));
    }
    let [winner] = winners.as_slice() else {
        let how = format!("{} of {} concurrent creates of one key succeeded", winners.len(), probe.racers);
        return Err(lacks(access, "an atomic put-if-absent", &how));
    };
    if access.get(key, probe.bytes as u64).await?.as_deref() != Some(&winner[..]) {
        return Err(lacks(access, "an atomic put-if-absent", &"the object is not the winner's"));
    }
    let mut listed = access.list(PROBES);
    let shown = loop {
        match listed.next().await {
            None => break false,
            Some(Ok(listed)) if listed.key == Some(key) => break true,
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Failure::of(error).at(PROBES.to_owned())),
        }
    };
    let verdict =
        if shown { Ok(()) } else { Err(lacks(access, "a list that shows each object", &"one is missing")) };
    Ok((verdict, None))
}

/// The bodies of the racers differ.
fn body(racer: u32, len: usize) -> Bytes {
    Bytes::from(vec![u8::try_from(racer % 251).unwrap_or(0); len])
}

fn lacks(access: &Access, what: &str, how: &dyn std::fmt::Display) -> Error {
    Error::StoreLacks { place: access.place(), what: format!("{what}: {how}") }
}
