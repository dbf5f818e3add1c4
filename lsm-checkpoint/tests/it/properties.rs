//! What holds for all sources, policies and volumes.

mod engine;
mod policy;
mod restored;
