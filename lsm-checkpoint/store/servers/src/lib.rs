//! Object stores for the tests of `lsm-checkpoint-store`, and a proxy that injects faults between store and client.
//!
//! - [`Proxy`] is the address that a client gets. It counts requests and bytes, and asks a plan for the [`Fault`] of
//!   each request.
//! - [`Upstream`] is the server behind the proxy: s3s-fs in this process, or a program such as moto or Azurite.
#![forbid(unsafe_code)]

mod call;
mod children;
mod clock;
mod engine;
pub mod engines;
mod fault;
pub mod herd;
pub mod operator;
pub mod places;
pub mod programs;
mod proxy;
mod reply;
mod repositories;
pub mod resume;
mod server;
mod sign;
pub mod stores;
pub mod tour;
pub mod uploads;
pub mod upstream;
pub mod verbs;

pub use call::{Call, Traffic};
pub use children::{Child, Words};
pub use engine::Engine;
pub use fault::{Fault, Seeded};
pub use proxy::{Plan, Proxy, Settings};
pub use repositories::{assert_no_garbage, fence_all};
pub use server::{CREDENTIALS, Server};
pub use stores::{BUCKET, azure, retries, s3, s3_as, s3_signed, s3_within};
pub use upstream::Upstream;
