//! Each check finds its bad line and leaves the good one alone.

use super::*;

const PATH: &str = "lsm-fs/src/a.rs";

fn clean(check: fn(&Tree) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(check(&Tree::of(path, text)), [""; 0], "in {text}");
}

fn caught(check: fn(&Tree) -> Vec<String>, path: &str, text: &str, line: usize) {
    let errors = check(&Tree::of(path, text));
    assert_eq!(errors.len(), 1, "{errors:?} in {text}");
    assert!(errors[0].starts_with(&format!("{path}:{line}: ")), "{errors:?}");
}

#[test]
fn long_files_fail_and_full_ones_are_noted() {
    let lines = |count: usize| Tree::of(PATH, &"x\n".repeat(count));
    assert_eq!((long_files(&lines(401)).len(), full_files(&lines(401)).len()), (1, 0));
    assert_eq!((long_files(&lines(400)).len(), full_files(&lines(400)).len()), (0, 1));
    assert_eq!((long_files(&lines(350)).len(), full_files(&lines(350)).len()), (0, 0));
}

#[test]
fn banned_calls_are_found_in_code_only() {
    let persistence = "failure_persistence: None";
    for bad in ["todo!()", "unimplemented!()", "#[ignore]", "unsafe { f() }", "thread::sleep(d)", persistence]
    {
        caught(banned_calls, PATH, &format!("\n{bad}"), 2);
        clean(banned_calls, PATH, &format!("// {bad}\nlet a = \"{bad}\";"));
    }
}

#[test]
fn silent_defaults_of_the_core_crates_have_a_ceiling() {
    let text = |count: usize| "let a = b.unwrap_or_default();\n".repeat(count);
    clean(silent_defaults, PATH, &text(SILENT_DEFAULTS));
    caught(silent_defaults, PATH, &text(SILENT_DEFAULTS + 1), 1);
    clean(silent_defaults, "lsm-fs/tests/it/a.rs", &text(SILENT_DEFAULTS + 1));
    clean(silent_defaults, "xtask/src/a.rs", &text(SILENT_DEFAULTS + 1));
}

#[test]
fn vague_names_are_found() {
    caught(vague_type_names, PATH, "pub struct FileManager {", 1);
    caught(vague_type_names, PATH, "trait LockHelper<T> {", 1);
    clean(vague_type_names, PATH, "fn f(a: &FileManager) {}\nstruct FileSet;");
}

#[test]
fn an_allow_needs_a_reason() {
    caught(reasonless_allows, PATH, "#[allow(dead_code)]\nfn f(reason: u8) {}", 1);
    clean(reasonless_allows, PATH, "#[allow(dead_code, reason = \"a\")]");
    clean(reasonless_allows, PATH, "#![allow(\n  dead_code,\n  reason = \"a\"\n)]");
}

#[test]
fn pure_files_do_no_io() {
    caught(pure_files, "lsm-manifest/src/format.rs", "use lsm_fs::Fs;", 1);
    caught(pure_files, "lsm-checkpoint/src/plan.rs", "\nfn f(fs: &dyn Fs) {}", 2);
    clean(pure_files, "lsm-manifest/src/format.rs", "/// What `Fs` stores.\npub const A: u8 = 1;");
    clean(pure_files, "lsm-manifest/src/reader.rs", "use lsm_fs::Fs;");
}

#[test]
fn a_wrapper_denies_missing_methods() {
    let bare = "impl<F: Fs> Fs for Traced<F> {";
    caught(wrappers, PATH, bare, 1);
    clean(wrappers, PATH, &format!("#[deny(clippy::missing_trait_methods)]\n{bare}"));
    clean(wrappers, PATH, &format!("#![deny(clippy::missing_trait_methods)]\n{bare}"));
    caught(wrappers, PATH, "    impl<F: lsm_fs::Fs> lsm_fs::Fs for Traced<F> {", 1);
    clean(wrappers, PATH, &format!("mod tests {{\n{bare}"));
    clean(wrappers, PATH, "impl Fs for StdFs {");
    clean(wrappers, PATH, "impl<F: Fs + ?Sized> FsExt for F {");
    caught(wrappers, "lsm-fs-mem/src/fault_fs.rs", "impl Fs for FaultFs {", 1);
    clean(wrappers, "lsm-fs-mem/src/mem_fs.rs", "impl Fs for MemFs {");
    clean(wrappers, "lsm-fs/tests/it/wrap.rs", bare);
    // The attribute of one block does not cover the next.
    let two = format!(
        "#[deny(clippy::missing_trait_methods)]\n{bare}\n}}\n{}",
        bare.replace("Fs for", "FsFile for")
    );
    caught(wrappers, PATH, &two, 4);
    caught(wrappers, PATH, "impl<F> Fs for Long<F>\nwhere\n    F: Fs,\n{", 1);
}

#[test]
fn a_foreign_type_in_a_conversion_is_found() {
    caught(public_conversions, PATH, "impl From<rustix::io::Errno> for Error {", 1);
    caught(public_conversions, PATH, "pub struct Error;\nimpl From<rustix::io::Errno> for Error {", 2);
    clean(public_conversions, PATH, "struct Failure;\nimpl From<rustix::io::Errno> for Failure {");
    clean(public_conversions, PATH, "impl From<std::io::Error> for Error {");
}
