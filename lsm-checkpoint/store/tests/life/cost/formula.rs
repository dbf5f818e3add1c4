//! The formulas. A test compares them with the tables of `OPERATING.md`, and others with what a store has counted.

use std::fmt;

use crate::counted::Requests;

/// A number, and a multiple of quantities that the page explains.
struct Formula(&'static [(u64, char)], u64);

impl Formula {
    fn of(&self, quantities: &[(char, u64)]) -> u64 {
        let value = |name: char| quantities.iter().find(|(other, _)| *other == name).unwrap().1;
        self.0.iter().map(|&(factor, name)| factor * value(name)).sum::<u64>() + self.1
    }
}

/// Writes it as the page does.
impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = (self.1 > 0 || self.0.is_empty()).then(|| self.1.to_string());
        let terms = self.0.iter().map(|&(factor, name)| match factor {
            1 => name.to_string(),
            factor => format!("{factor} {name}"),
        });
        f.write_str(&terms.chain(number).collect::<Vec<_>>().join(" + "))
    }
}

/// A task with its puts, gets, lists and deletes.
type Row = (&'static str, [Formula; 4]);

const ROWS: [Row; 9] = [
    (
        "push, first of a source",
        [Formula(&[(1, 'f'), (1, 'l'), (1, 'p')], 4), Formula(&[], 4), Formula(&[], 8), Formula(&[], 0)],
    ),
    (
        "push, later ones",
        [Formula(&[(1, 'f'), (1, 'l'), (1, 'p')], 4), Formula(&[], 6), Formula(&[], 8), Formula(&[], 0)],
    ),
    ("restore", [Formula(&[], 0), Formula(&[(1, 'c')], 3), Formula(&[], 2), Formula(&[], 0)]),
    ("list, status", [Formula(&[], 0), Formula(&[], 2), Formula(&[], 2), Formula(&[], 0)]),
    ("check", [Formula(&[], 0), Formula(&[(1, 'b')], 2), Formula(&[(1, 'o')], 2), Formula(&[], 0)]),
    (
        "verify",
        [Formula(&[], 0), Formula(&[(2, 'b'), (1, 'v')], 2), Formula(&[(1, 'o')], 2), Formula(&[], 0)],
    ),
    ("forget, undo, fence", [Formula(&[], 2), Formula(&[], 2), Formula(&[], 3), Formula(&[], 0)]),
    (
        "collect",
        [Formula(&[], 1), Formula(&[(1, 'b')], 6), Formula(&[(1, 'o')], 11), Formula(&[(1, 'd')], 0)],
    ),
    (
        "collect that drops backups",
        [Formula(&[], 2), Formula(&[(1, 'b')], 7), Formula(&[(1, 'o')], 14), Formula(&[(1, 'd')], 0)],
    ),
];

/// The bytes that a push sends beside the files: in each case, for each backup in the repository, for each file of the
/// backup, and for each MiB of a file after its first.
const BYTES: [u64; 4] = [22_000, 450, 180, 32];

pub(super) fn assert_requests(task: &str, quantities: &[(char, u64)], found: Requests) {
    let (_, row) = ROWS.iter().find(|(name, _)| *name == task).unwrap();
    let expected = row.each_ref().map(|formula| formula.of(quantities));
    let found = [found.puts, found.gets, found.lists, found.deletes];
    assert_eq!(found, expected, "{task}: puts, gets, lists and deletes with {quantities:?}");
}

/// Allows a tenth more and less, because names and numbers differ in length.
pub(super) fn assert_bytes(found: [u64; 4]) {
    let is_near = |(found, page): (u64, u64)| (page - page / 10..=page + page / 10).contains(&found);
    assert!(found.into_iter().zip(BYTES).all(is_near), "{found:?} bytes, and {BYTES:?} on the page");
}

#[test]
fn the_page_has_these_formulas() {
    let page = include_str!("../../../OPERATING.md");
    for (task, [puts, gets, lists, deletes]) in &ROWS {
        let row = format!("| {task} | {puts} | {gets} | {lists} | {deletes} |\n");
        assert!(page.contains(&row), "OPERATING.md lacks {row}");
    }
    let [fixed, backup, file, mib] = BYTES;
    let row = format!("| {} KB | {backup} bytes | {file} bytes | {mib} bytes |\n", fixed / 1000);
    assert!(page.contains(&row), "OPERATING.md lacks {row}");
}
