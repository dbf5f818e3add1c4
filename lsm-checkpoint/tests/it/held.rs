//! Lines of code that no other test covers. Each test fails without the line that it covers.

mod carried;
mod listed;
mod marked;
mod paused;
mod published;
mod removed;
mod restored;
mod swept;
mod unlocked;
mod verified;
