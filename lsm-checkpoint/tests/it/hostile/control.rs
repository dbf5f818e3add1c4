//! A control of the checks: without views the calls do harm, and the checks detect it.

use super::{generator::cases, place::Place, watched::watched, world::World};
use crate::seeded::seed;

/// Counts the directories that do harm if paths are resolved plainly.
fn caught<P: Place>(world: &World<P>, step: &dyn Fn(String)) {
    let harm: Vec<_> = cases(seed()).iter().filter_map(|case| case.run(world, true, step)).collect();
    let caught = harm.iter().filter(|harm| !harm.is_empty()).count();
    println!("{caught} of {} directories are caught", harm.len());
    assert!(caught >= 30, "{caught} of {}: the checks see nothing", harm.len());
}

#[test]
fn plain_resolution_is_caught_on_the_host() {
    watched(|step| {
        let (_dir, world) = World::on_the_host();
        caught(&world, step);
    });
}

#[test]
fn plain_resolution_is_caught_in_memory() {
    watched(|step| caught(&World::in_memory(), step));
}
