//! Lines of the code that no other test holds: each test here fails without the line that it is about.

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
