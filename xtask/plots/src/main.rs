//! `cargo xtask plots`: draws the recorded tables of the benches, beside them.
//!
//! A line needs two recorded points. A plot without such a line is left out.

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod draw;
mod series;

use std::fs;
use std::path::Path;

use anyhow::Context;
use xtask_common::workspace::Workspace;

use series::{PLOTS, Plot};

/// The folder of the tables and of the plots.
const RECORD: &str = "xtask/bench";

fn main() -> anyhow::Result<()> {
    let record = Workspace::load()?.root.join(RECORD);
    let tables = tables(&record)?;
    for plot in PLOTS {
        let path = record.join(plot.file);
        match svg(plot, &tables)? {
            Some(svg) => fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?,
            None => {
                println!("{}: left out, since no row of it is recorded", plot.file);
                if path.exists() {
                    fs::remove_file(path)?;
                }
            }
        }
    }
    Ok(())
}

/// The recorded tables, one after the other.
fn tables(record: &Path) -> anyhow::Result<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(record).with_context(|| format!("cannot list {}", record.display()))? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
    Ok(texts.collect::<anyhow::Result<Vec<_>>>()?.join("\n"))
}

/// The drawing of a plot, if the tables have enough of it.
fn svg(plot: &Plot, tables: &str) -> anyhow::Result<Option<String>> {
    let lines = plot.lines(&xtask_tables::rows(tables));
    if lines.is_empty() { Ok(None) } else { draw::svg(plot, &lines).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plots_show_the_present_tables() {
        let record = Workspace::load().unwrap().root.join(RECORD);
        let tables = tables(&record).unwrap();
        for plot in PLOTS {
            let kept = fs::read_to_string(record.join(plot.file)).ok();
            assert!(svg(plot, &tables).unwrap() == kept, "{}: draw it with `cargo xtask plots`", plot.file);
        }
    }

    #[test]
    fn a_plot_without_rows_is_left_out() {
        assert!(svg(&PLOTS[0], "# Benchmarks\n").unwrap().is_none());
    }
}
