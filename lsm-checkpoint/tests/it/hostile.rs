//! Hostile directories: no entry in a directory of backups makes a call change, link or read anything outside, or wait
//! forever.
#![cfg(target_os = "linux")]

mod control;
mod deep;
mod generator;
mod hooked;
mod items;
mod mounts;
mod nodes;
mod operator;
mod pipes;
mod place;
mod removed;
mod seen;
mod swap;
mod verbs;
mod watched;
mod world;

/// Turns each of these functions into a test on the host and one in memory.
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
