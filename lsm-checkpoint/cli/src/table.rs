//! [`Columns`]: a table that fits the terminal.

use comfy_table::{Cell, CellAlignment, Table, presets};
use console::Term;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Numbers are aligned to the right.
    pub(crate) is_number: bool,
    /// The order in which columns are dropped on a narrow terminal, from 1. A column with 0 always stays.
    pub(crate) gives_way: u8,
}

impl Column {
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, is_number: false, gives_way: 0 }
    }

    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, is_number: true, gives_way: 0 }
    }

    /// Lets the column be dropped if the terminal is too narrow. Lower numbers are dropped first.
    pub(crate) const fn gives_way(mut self, order: u8) -> Self {
        self.gives_way = order;
        self
    }
}

/// The columns and rows of a table.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. Control characters in its cells are escaped, so that each row is one line.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        let mut cells = cells.into();
        for cell in &mut cells {
            *cell = crate::text::plain(cell).into_owned();
        }
        self.rows.push(cells);
    }

    /// Formats the table for stdout. If the terminal is too narrow, columns are dropped. In a pipe all columns stay.
    pub(crate) fn show(&self) -> String {
        let term = Term::stdout();
        self.within(if term.is_term() { usize::from(term.size().1) } else { usize::MAX })
    }

    fn within(&self, width: usize) -> String {
        let mut last = self.columns.iter().map(|column| column.gives_way).max().unwrap_or(0);
        let mut gone = 0;
        loop {
            let text = self.without(gone);
            let widest = text.lines().map(console::measure_text_width).max().unwrap_or(0);
            if widest <= width || last == 0 {
                return text;
            }
            gone += 1;
            last -= 1;
        }
    }

    /// Formats the table without the columns whose order is at most `gone`.
    fn without(&self, gone: u8) -> String {
        let stays = |column: &Column| column.gives_way == 0 || column.gives_way > gone;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(
            self.columns.iter().filter(|column| stays(column)).map(|column| cell(column, column.name)),
        );
        for row in &self.rows {
            let kept = self.columns.iter().zip(row).filter(|(column, _)| stays(column));
            table.add_row(kept.map(|(column, text)| cell(column, text)).collect::<Vec<_>>());
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        table.trim_fmt()
    }
}

fn cell(column: &Column, text: &str) -> Cell {
    let alignment = if column.is_number { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(alignment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Columns {
        let columns = [
            Column::text("name"),
            Column::number("files").gives_way(2),
            Column::number("bytes").gives_way(1),
        ];
        let mut table = Columns::new(columns);
        table.row(["monday".to_owned(), "12".to_owned(), "40.0 MiB".to_owned()]);
        table.row(["a\nb".to_owned(), "1".to_owned(), "1 B".to_owned()]);
        table
    }

    #[test]
    fn a_wide_table_has_all_columns() {
        let expected = "name    files     bytes\nmonday     12  40.0 MiB\na\\nb        1       1 B";
        assert_eq!(table().within(usize::MAX), expected);
    }

    #[test]
    fn columns_give_way_in_order() {
        assert_eq!(table().within(22).lines().next(), Some("name    files"));
        assert_eq!(table().within(12).lines().next(), Some("name"));
        assert_eq!(table().within(1).lines().count(), 3);
    }
}
