//! Properties of all sources, policies and volumes.

mod engine;
mod policy;
mod restored;
