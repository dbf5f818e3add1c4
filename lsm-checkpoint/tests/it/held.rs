//! Lines of the code that no other test holds: each test here fails without the line that it is about.

mod listed;
mod removed;
mod swept;
mod unlocked;
mod verified;
