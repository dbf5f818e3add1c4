//! What is claimed of the adapters themselves.

/// The lines of a file that are neither blank nor comments.
fn lines_of_code(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn an_adapter_has_less_than_a_hundred_lines() {
    for (name, text) in [
        ("coordinode_v5", include_str!("../../src/coordinode_v5.rs")),
        ("coordinode_v7", include_str!("../../src/coordinode_v7.rs")),
        ("fjall", include_str!("../../src/fjall.rs")),
    ] {
        let lines = lines_of_code(text);
        println!("{name}: {lines} lines of code");
        assert!((1..100).contains(&lines), "{name}: {lines} lines of code");
    }
}
