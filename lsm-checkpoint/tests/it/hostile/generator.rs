//! Hostile directories from a seed: every kind of node at every spot, each with every call.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    hooked::Hooked,
    nodes::{Kind, Nodes, Spot},
    place::Place,
    verbs::{Before, Verb},
    watched::watched,
    world::World,
};
use crate::seeded::seed;

/// The number of times that each kind is put at each spot: once alone, and once with a marker that names it and a
/// staged directory.
const ROUNDS: u64 = 2;
/// The number of directories with two or three nodes at random spots.
const MIXED: u64 = 40;

/// A hostile directory.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    checksums: bool,
    /// The nodes, in the order in which they are created.
    nodes: Vec<(Kind, Spot)>,
    variant: u64,
}

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn node(&mut self) -> (Kind, Spot) {
        (Kind::ALL[self.below(Kind::ALL.len())], Spot::ALL[self.below(Spot::ALL.len())])
    }
}

/// Returns the cases of a seed.
pub(crate) fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut cases = Vec::new();
    for round in 0..ROUNDS {
        for kind in Kind::ALL {
            for spot in Spot::ALL {
                let mut nodes = vec![(kind, spot)];
                if round > 0 {
                    nodes.insert(0, (Kind::ForgedMarker, spot));
                }
                add(&mut cases, &mut random, nodes);
            }
        }
    }
    for _ in 0..MIXED {
        let count = 2 + random.below(2);
        let mut nodes: Vec<_> = (0..count).map(|_| random.node()).collect();
        // Deeper spots come first, because a node below a link would be created outside.
        nodes.sort_by_key(|(_, spot)| (Reverse(spot.path().components().count()), *spot));
        nodes.dedup_by_key(|(_, spot)| *spot);
        // Nothing can be created over a mount.
        nodes.retain(|(kind, _)| *kind != Kind::Mount);
        add(&mut cases, &mut random, nodes);
    }
    cases
}

fn add(cases: &mut Vec<Case>, random: &mut Random, nodes: Vec<(Kind, Spot)>) {
    let variant = random.below(1 << 20) as u64;
    cases.push(Case { checksums: variant & 1 == 0, nodes, variant: variant >> 1 });
}

impl Case {
    /// Creates the nodes in a new world. Returns `None` if one of them is not possible here.
    pub(crate) fn put<P: Place>(&self, world: &World<P>) -> Option<Before> {
        let nodes = Nodes { world, variant: self.variant };
        let mut hard_linked = Vec::new();
        for (kind, spot) in &self.nodes {
            hard_linked.extend(nodes.put(*kind, *spot).ok()?);
        }
        let leads_outside =
            self.nodes.iter().any(|(kind, spot)| kind.leads_outside() && *spot == Spot::Target);
        Some(Before::of(world, &hard_linked, leads_outside))
    }

    /// Makes every call and returns the harm. Returns `None` if the case is not possible here.
    pub(crate) fn run<P: Place>(
        &self,
        world: &World<P>,
        plainly: bool,
        step: &dyn Fn(String),
    ) -> Option<Vec<String>> {
        let mut harm = Vec::new();
        let mut before = None;
        for verb in Verb::ALL {
            let checked = match before.take() {
                Some(checked) => checked,
                None => {
                    world.rebuild(self.checksums);
                    self.put(world)?
                }
            };
            step(format!("{verb:?} of {self:?}"));
            let observer = checked.observer(|_| ());
            let fs = Hooked::new(world.fs.clone(), Arc::clone(&observer)).resolving_plainly(plainly);
            match checked.call(world, &fs, &observer, verb) {
                Ok(_) if verb.changes_backups() => {}
                Ok(_) => {
                    world.clear(&world.made());
                    before = Some(checked);
                }
                Err(found) => {
                    harm.push(format!("{verb:?} of {self:?}: {found}"));
                    world.build(self.checksums);
                }
            }
        }
        Some(harm)
    }
}

/// Runs every case of the seed in a world.
fn all_cases<P: Place>(world: &World<P>, step: &dyn Fn(String)) {
    let seed = seed();
    let mut counts: BTreeMap<(Kind, Spot), u64> = BTreeMap::new();
    let (mut left_out, mut tried) = (BTreeSet::new(), 0);
    for case in cases(seed) {
        let Some(harm) = case.run(world, false, step) else {
            left_out.extend(case.nodes.iter().map(|(kind, _)| *kind).filter(|kind| is_restricted(*kind)));
            continue;
        };
        assert!(harm.is_empty(), "LSM_SWEEP_SEED={seed}: {harm:#?}");
        tried += 1;
        case.nodes.iter().for_each(|node| *counts.entry(*node).or_default() += 1);
    }
    println!("{tried} directories with {} calls each; not possible here: {left_out:?}", Verb::ALL.len());
    assert!(tried >= 300, "{tried}");
    for kind in Kind::ALL.into_iter().filter(|kind| !left_out.contains(kind)) {
        for spot in Spot::ALL {
            assert!(counts.get(&(kind, spot)).is_some_and(|&count| count >= ROUNDS), "{kind:?} {spot:?}");
        }
    }
}

/// Returns `true` if only root can create the node.
const fn is_restricted(kind: Kind) -> bool {
    matches!(kind, Kind::Mount | Kind::Device)
}

#[test]
fn nothing_outside_changes_on_the_host() {
    watched(|step| {
        let (_dir, world) = World::on_the_host();
        all_cases(&world, step);
    });
}

#[test]
fn nothing_outside_changes_in_memory() {
    watched(|step| all_cases(&World::in_memory(), step));
}

#[test]
fn a_seed_gives_the_same_directories() {
    assert_eq!(format!("{:?}", cases(7)), format!("{:?}", cases(7)));
    assert_ne!(format!("{:?}", cases(7)), format!("{:?}", cases(8)));
}
