//! Circles of imports between the modules of a crate.
//!
//! An import counts for the module that defines the item, even if a facade re-exports it. A module is a part of the
//! modules above it, so the import of an ancestor makes no circle.

mod imports;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::tree::Tree;
use imports::ModulePath;

/// Modules by path, and the modules that each imports from, with the items.
type Imports<'t> = BTreeMap<&'t ModulePath, BTreeMap<&'t ModulePath, BTreeSet<&'t str>>>;

/// Finds modules that import each other in a circle. Such modules cannot be read, tested or changed one by one.
pub(super) fn module_circles(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for member in &tree.crates {
        let modules = imports::modules(tree, &member.dir);
        let imports = imports::resolved(&modules);
        errors.extend(circles(&imports).iter().map(|circle| {
            format!(
                "{}: modules import each other in a circle: {}; move the shared item into a module below both",
                member.name,
                shown(circle, &imports)
            )
        }));
    }
    errors
}

/// The sets of modules that reach each other.
fn circles<'t>(imports: &Imports<'t>) -> Vec<Vec<&'t ModulePath>> {
    let reach: BTreeMap<_, _> = imports.keys().map(|module| (*module, reachable(module, imports))).collect();
    let mutual = |a: &ModulePath, b: &ModulePath| {
        let sees = |a, b| reach.get(a).is_some_and(|seen: &BTreeSet<&ModulePath>| seen.contains(b));
        sees(a, b) && sees(b, a)
    };
    let mut done: BTreeSet<&ModulePath> = BTreeSet::new();
    let mut circles = Vec::new();
    for module in imports.keys() {
        if !done.contains(module) && mutual(module, module) {
            let circle: Vec<_> = imports.keys().copied().filter(|other| mutual(module, other)).collect();
            done.extend(&circle);
            circles.push(circle);
        }
    }
    circles
}

/// The modules that a module reaches by one import or more.
fn reachable<'t>(from: &ModulePath, imports: &Imports<'t>) -> BTreeSet<&'t ModulePath> {
    let mut seen = BTreeSet::new();
    let mut under_way = vec![from];
    while let Some(module) = under_way.pop() {
        for next in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(*next) {
                under_way.push(next);
            }
        }
    }
    seen
}

/// The shortest way through a circle, from its first module back to it, with the imported items.
fn shown(circle: &[&ModulePath], imports: &Imports<'_>) -> String {
    let Some(start) = circle.first() else { return String::new() };
    let mut ways = VecDeque::from([vec![*start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let from = way.last().and_then(|last| imports.get(last)).into_iter().flat_map(BTreeMap::keys);
        for next in from.filter(|next| circle.contains(next)) {
            let way = [way.as_slice(), &[next]].concat();
            if next == start {
                return way.windows(2).map(|pair| step(pair, imports)).collect::<Vec<_>>().join(", ");
            }
            if seen.insert(next) {
                ways.push_back(way);
            }
        }
    }
    String::new()
}

fn step(pair: &[&ModulePath], imports: &Imports<'_>) -> String {
    let [from, to] = pair else { return String::new() };
    let items = imports.get(*from).and_then(|others| others.get(*to)).into_iter().flatten();
    let items: Vec<_> = items.copied().collect();
    format!("{} uses {}::{{{}}}", from.join("::"), to.join("::"), items.join(", "))
}

#[cfg(test)]
mod tests;
