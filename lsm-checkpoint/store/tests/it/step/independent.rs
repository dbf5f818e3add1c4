//! Requests whose order does not matter (a persistent set of one request, as in partial-order reduction).

use super::search::{Machine, Whole};
use super::world::Request;

/// Returns `true` if no later step of another client, and no request in flight, can conflict with `request`.
///
/// - The object `repository` never changes once it exists.
/// - Each object is created under its own key, and only a collector looks at it before a state of the repository names
///   it.
/// - An object that exists changes only if a collector deletes it.
///
/// A list of the states of the repository depends on every commit, so it is never independent.
pub(super) fn independent(machine: &Machine, whole: &Whole, client: usize, request: &Request) -> bool {
    if machine.collects.is_empty() {
        return false;
    }
    let lives = |other: &usize| !machine.clients[*other].node(whole.clients[*other]).asked.is_empty();
    let mut others = (0..whole.clients.len()).filter(|other| *other != client).filter(lives);
    let collected = others.any(|other| machine.collects[other])
        || whole.flying.iter().any(|flying| matches!(flying, Request::Delete { .. }));
    let is_head = |key| machine.names.text(key).starts_with("head/");
    let is_constant = |key| &*machine.names.text(key) == "repository" && whole.world.get(key).is_some();
    match *request {
        Request::Put { key, create: true, .. } => is_constant(key) || (!is_head(key) && !collected),
        Request::Get { key } => is_constant(key) || (whole.world.get(key).is_some() && !collected),
        Request::Copy { to, create: true, .. } => !is_head(to) && !collected,
        _ => false,
    }
}
