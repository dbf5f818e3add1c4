//! Object stores for the tests of `lsm-checkpoint-store`, and a proxy that puts faults between them and a client.
//!
//! - [`Proxy`] is the address that a client gets. It counts requests and bytes, and asks a plan for the [`Fault`] of each
//!   request.
//! - [`Upstream`] is the server behind it: s3s-fs in this process, or a program such as moto or azurite.
#![forbid(unsafe_code)]

mod call;
mod clock;
mod fault;
pub mod programs;
mod proxy;
mod reply;
mod stores;
pub mod upstream;

pub use call::{Call, Traffic};
pub use fault::{Fault, Seeded};
pub use proxy::{Plan, Proxy, Settings};
pub use stores::{BUCKET, azure, retries, s3};
pub use upstream::Upstream;
