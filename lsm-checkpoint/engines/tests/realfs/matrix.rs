//! The matrix of options: compares our checkpoint of a tree with the engine's own, section by section and key by key.
//!
//! A row is a set of options that change files or manifests: none, each one, each pair, and all. For each row of
//! coordinode's engines, both checkpoints hold the same files and the same manifest, the engine opens both, and every
//! key is read. Ours is also verified in full, restored, and followed by an increment. fjall's engine takes no
//! checkpoints, so the manifest of ours is compared with the live manifest of the same version.

mod coordinode;
mod fjall;
mod rows;
mod tools;
mod v5;
mod v7;
