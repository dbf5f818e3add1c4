//! A folder is replaced by a symbolic link to a folder outside just before the k-th filesystem call, for every k.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use lsm_fs::{Fs, StdFs};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    hooked::Hooked,
    place::Place,
    verbs::{Before, Verb},
    watched::watched,
    world::{MARKER, World},
};

/// A call, and its way to publish or remove.
#[derive(Clone, Copy, Debug)]
struct Scene {
    verb: Verb,
    renames_directories: bool,
}

/// Returns every call. The calls that move or remove directories occur twice, also with a filesystem that cannot rename
/// directories.
fn scenes() -> Vec<Scene> {
    let scene = |renames_directories| move |verb| Scene { verb, renames_directories };
    let in_place = [Verb::RestoreLinks, Verb::Create, Verb::Remove, Verb::Sweep];
    Verb::ALL.into_iter().map(scene(true)).chain(in_place.map(scene(false))).collect()
}

/// A folder of the world, and the folder outside that replaces it.
struct Swap {
    folder: PathBuf,
    outside: PathBuf,
}

impl Scene {
    /// Prepares the world for the call.
    fn prepare(self, world: &World<StdFs>) {
        world.rebuild(true);
        match self.verb {
            Verb::Create => world.clear(&world.target()),
            Verb::RemoveByForce => world.put(&world.target().join("users/tables/new"), b"new"),
            // A creator died before it had moved anything, or when all files but the pointers were moved.
            Verb::Sweep if self.renames_directories => world.put_all(&world.staged(), world.files()),
            Verb::Sweep => {
                let current = world.target().join("users/current");
                world.put(&world.staged().join("users/current"), b"7");
                world.clear(&current);
                let lines = "publish\nusers/current\n";
                let marker = format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes()));
                world.put(&world.target().join(MARKER), marker.as_bytes());
            }
            _ => {}
        }
    }

    fn swaps(self, world: &World<StdFs>) -> Vec<Swap> {
        let staged_made = world.made().with_file_name(".new.checkpoint-staged");
        let mut swaps = Vec::new();
        for root in [world.target(), world.staged(), world.made(), staged_made] {
            for folder in ["", "tables", "users", "users/tables"] {
                let join = |dir: &Path| if folder.is_empty() { dir.to_path_buf() } else { dir.join(folder) };
                swaps.push(Swap { folder: join(&root), outside: join(&world.outside()) });
            }
        }
        swaps
    }

    /// Runs the call once. Returns the numbers of the filesystem calls before which the folder exists.
    fn chances(self, world: &World<StdFs>, swap: &Swap, plainly: bool) -> Vec<usize> {
        self.prepare(world);
        let (chances, folder) = (Arc::new(Mutex::new(Vec::new())), swap.folder.clone());
        let seen = Arc::clone(&chances);
        self.run(world, plainly, None, move |call| {
            if is_folder(&folder) {
                seen.lock().unwrap().push(call);
            }
        })
        .unwrap();
        let chances = chances.lock().unwrap();
        chances.clone()
    }

    /// Makes the call and checks for harm.
    fn run(
        self,
        world: &World<StdFs>,
        plainly: bool,
        swap: Option<&Swap>,
        act: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<(), String> {
        // The path from an operator may be a link when the call begins.
        let is_operators = swap.is_some_and(|swap| swap.folder == world.target());
        let before = Before::of(world, &[], is_operators);
        let observer = before.observer(act);
        let fs = Hooked::new(world.fs, Arc::clone(&observer))
            .resolving_plainly(plainly)
            .renaming_directories(self.renames_directories);
        before.call(world, &fs, &observer, self.verb).map(drop)
    }
}

fn is_folder(path: &Path) -> bool {
    StdFs.symlink_metadata(path).is_ok_and(|there| there.is_dir())
}

/// Tries every swap before every call. Returns the number of swaps and the harm.
fn swapped(world: &World<StdFs>, scene: Scene, plainly: bool, step: &dyn Fn(String)) -> (usize, Vec<String>) {
    let (mut tried, mut harm) = (0, Vec::new());
    for swap in scene.swaps(world) {
        for chance in scene.chances(world, &swap, plainly) {
            let what = format!("{scene:?}, {} before call {chance}", swap.folder.display());
            step(what.clone());
            scene.prepare(world);
            let (folder, outside, aside) = (swap.folder.clone(), swap.outside.clone(), world.aside());
            let result = scene.run(world, plainly, Some(&swap), move |call| {
                if call == chance && is_folder(&folder) {
                    StdFs.rename(&folder, &aside).unwrap();
                    StdFs.link(&outside, &folder);
                }
            });
            tried += 1;
            if let Err(found) = result {
                harm.push(format!("{what}: {found}"));
                world.build(true);
                // One case of harm is enough for a control.
                if plainly {
                    return (tried, harm);
                }
            }
            for left in [world.made(), world.made().with_file_name(".new.checkpoint-staged")] {
                world.clear(&left);
            }
        }
    }
    (tried, harm)
}

#[test]
fn a_folder_that_becomes_a_link_during_the_call() {
    watched(|step| {
        let (_dir, world) = World::on_the_host();
        for scene in scenes() {
            let (tried, harm) = swapped(&world, scene, false, step);
            println!("{scene:?}: {tried} swaps");
            assert!(tried > 0, "{scene:?}");
            assert!(harm.is_empty(), "{}: {harm:#?}", harm.len());
        }
    });
}

#[test]
fn plain_resolution_is_caught_for_each_call() {
    watched(|step| {
        let (_dir, world) = World::on_the_host();
        let mut caught = BTreeSet::new();
        for scene in scenes() {
            let (tried, harm) = swapped(&world, scene, true, step);
            println!("{scene:?}: {harm:?} after {tried} swaps");
            caught.extend(harm.first().map(|_| scene.verb));
        }
        // A sweep follows no link if it only removes a staged directory, but it does if it clears a target.
        assert_eq!(caught, Verb::ALL.into_iter().collect());
    });
}
