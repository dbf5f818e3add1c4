//! Hostile directories: whatever lies in a directory of backups, no call changes, links or reads anything outside, and
//! none waits for ever.
#![cfg(target_os = "linux")]

mod control;
mod generator;
mod hooked;
mod items;
mod nodes;
mod operator;
mod pipes;
mod place;
mod seen;
mod swap;
mod verbs;
mod watched;
mod world;

/// Makes each of these functions a test on the host and one in memory.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod on_the_host {
            $(#[test]
            fn $name() {
                let (_dir, world) = $crate::hostile::world::World::on_the_host();
                super::$name(&world);
            })+
        }
        mod in_memory {
            $(#[test]
            fn $name() {
                super::$name(&$crate::hostile::world::World::in_memory());
            })+
        }
    };
}
use on_both;
