//! Columns for people.
//!
//! Owns their width. Promises: numbers stand right, words left, no line ends in blanks, and a control character in data
//! cannot move the cursor. Leaves the words to the commands.

use super::words::plain;

/// Rows under a head.
pub(super) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        let cells = cells.into_iter().map(|cell| plain(cell.as_ref()));
        self.rows.push(cells.collect());
        debug_assert_eq!(self.rows.last().map(Vec::len), Some(self.head.len()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([self.head[column].chars().count()])
            .max()
            .unwrap_or(0)
    }

    /// A column of numbers stands right.
    fn is_number(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().map(|row| row[column].as_str());
        cells.all(|cell| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()))
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for (column, cell) in cells.enumerate() {
            let width = self.width(column);
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if self.is_number(column) {
                (gap.as_str(), "")
            } else {
                ("", gap.as_str())
            };
            line.extend([before, cell, after, "  "]);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line(self.head.iter().copied()))?;
        for row in &self.rows {
            write!(f, "\n{}", self.line(row.iter().map(String::as_str)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new(&["domain", "letters", "why"]);
        table.row(["mail.ru", "1204", "rate"]);
        table.row(["example.com", "7", ""]);
        insta::assert_snapshot!(table.to_string(), @r"
        domain       letters  why
        mail.ru         1204  rate
        example.com        7
        ");
    }

    #[test]
    fn a_reply_cannot_move_the_cursor() {
        let mut table = Table::new(&["reply"]);
        table.row(["550 \u{1b}[2Jgone\r\n"]);
        assert_eq!(table.to_string(), "reply\n550 ?[2Jgone??");
    }
}
