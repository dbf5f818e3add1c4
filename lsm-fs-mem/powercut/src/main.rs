//! The power-cut test as a program. `cargo xtask powercut` builds and runs it.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    lsm_fs_mem_powercut::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("powercut: needs Linux, root, and loop devices");
}
