//! The tables that the benches print: recorded ones, the ones of a run, and comparisons of both.

#![allow(clippy::missing_errors_doc, clippy::must_use_candidate, reason = "the chores show every error")]

mod comparison;
mod record;
mod table;

pub use comparison::{Comparison, Figures, figures_of, value};
pub use record::{Finding, Limits, Ratios, TOLERANCE, compare, jobs};
pub use table::{Row, cells, file_of, overlapping, rows, without_empty_sections};
