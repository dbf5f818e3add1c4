//! The tests of version 7 with the newest release: the conformance suite, the matrix of options, and tables that are
//! cut in place.
#![cfg(target_os = "linux")]

#[path = "../../../tests/realfs/conformance"]
mod conformance {
    mod numbered;
    mod v7;
}
#[path = "../../../tests/realfs/matrix"]
mod matrix {
    mod coordinode;
    mod rows;
    mod tools;
    mod v7;
}
#[path = "../../../tests/realfs/tight_space"]
mod tight_space {
    mod fixture;
    mod tight_fs;
    mod v7;
}
