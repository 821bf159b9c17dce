//! Rows of cells under a head row (RFC 4180, and what spreadsheets make of it).
//!
//! Owns head rows, cells and separators. Promises: a head row that names no field of a letter is refused before the first
//! letter; a row that does not fit under it is a fault of that row alone; one row has a bounded size.

use std::io::{Cursor, Read};

use anyhow::{Context, Result};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::super::failure::advice;
use super::{
    allowance::Allowance,
    constants::{self, Constant, Field},
    row::{Fault, Row},
};

/// Enough to see a head row's separator.
const HEAD_OCTETS: u64 = 8 << 10;
/// More columns than any spreadsheet of letters has.
const COLUMNS_MAX: usize = 1_000;
/// Quotes and separators beside the letter itself.
const ROW_OCTETS_SPARE: usize = 64 << 10;

type Input = Allowance<Box<dyn Read + Send>>;

struct Sheet {
    reader: Reader<Input>,
    fields: Vec<Field>,
    constants: Vec<Constant>,
    row_octets_max: usize,
    ended: bool,
}

pub(super) fn rows(
    mut reader: Box<dyn Read + Send>,
    constants: Vec<Constant>,
    letter_max: usize,
) -> Result<impl Iterator<Item = Result<Row>> + Send> {
    let row_octets_max = letter_max + ROW_OCTETS_SPARE;
    let mut head = Vec::new();
    let reading = "reading the file of letters";
    reader
        .by_ref()
        .take(HEAD_OCTETS)
        .read_to_end(&mut head)
        .context(reading)?;
    let separator = separator(&head);
    let whole: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(reader));
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(Allowance::new(whole, row_octets_max));
    let fields = reader.headers().map_err(no_head).and_then(fields)?;
    let mut sheet = Sheet {
        reader,
        fields,
        constants,
        row_octets_max,
        ended: false,
    };
    Ok(std::iter::from_fn(move || sheet.next_row()))
}

/// Spreadsheets separate with a comma, a semicolon or a tab, as the country goes.
fn separator(head: &[u8]) -> u8 {
    let line = head.split(|octet| *octet == b'\n').next().unwrap_or(head);
    let count = |wanted: u8| line.split(|octet| *octet == wanted).count();
    // Of equals the last wins, and a comma is the usual one.
    let candidates = [b'\t', b';', b','];
    candidates
        .into_iter()
        .max_by_key(|wanted| count(*wanted))
        .unwrap_or(b',')
}

fn no_head(error: csv::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Utf8 { .. } => advice(
            "the file is not UTF-8 text, so it is no CSV that can be read",
            "save it as \"CSV UTF-8\"; a spreadsheet's own file (.xlsx) is no CSV",
        ),
        _ => anyhow::Error::new(error).context("reading the head row"),
    }
}

fn fields(head: &StringRecord) -> Result<Vec<Field>> {
    let next = "the head row names fields with dots: to.address, to.name, variables.order_id; docs/letter.md lists them";
    if head.is_empty() {
        return Err(advice("the file is empty: it has no head row", next));
    }
    if head.len() > COLUMNS_MAX {
        let why = format!(
            "the head row has {} columns, and {COLUMNS_MAX} are the most",
            head.len()
        );
        return Err(advice(
            why,
            "give many variables as one column `variables:json`",
        ));
    }
    let mut fields: Vec<Field> = Vec::new();
    for (column, name) in head.iter().enumerate() {
        let column = column + 1;
        let field: Field = name
            .trim()
            .parse()
            .map_err(|why| advice(format!("column {column} of the head row: {why}"), next))?;
        if fields.contains(&field) {
            let name = field.name();
            return Err(advice(
                format!("column {column} names `{name}` again"),
                next,
            ));
        }
        fields.push(field);
    }
    Ok(fields)
}

impl Sheet {
    fn next_row(&mut self) -> Option<Result<Row>> {
        if self.ended {
            return None;
        }
        self.reader.get_mut().renew(self.row_octets_max);
        let mut record = StringRecord::new();
        let letter = match self.reader.read_record(&mut record) {
            Ok(false) => return None,
            Ok(true) => self.letter(&record),
            Err(error) if matches!(error.kind(), ErrorKind::Utf8 { .. }) => {
                Err((String::new(), "is not UTF-8 text".to_owned()))
            }
            Err(error) => {
                self.ended = true;
                let line = self.reader.position().line();
                let place = format!("reading the file of letters at line {line}");
                return Some(Err(anyhow::Error::new(error).context(place)));
            }
        };
        let here = self.reader.position();
        let line = record
            .position()
            .map_or_else(|| here.line(), csv::Position::line);
        Some(Ok(Row {
            line,
            octets: here.byte(),
            letter,
        }))
    }

    fn letter(&self, record: &StringRecord) -> Result<String, Fault> {
        if record.len() != self.fields.len() {
            let why = format!(
                "has {} cells under a head row of {}",
                record.len(),
                self.fields.len()
            );
            return Err((String::new(), why));
        }
        let mut letter = Map::new();
        let cells = self.fields.iter().zip(record);
        for (field, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
            field.put(&mut letter, field.value(cell)?)?;
        }
        constants::fill(&mut letter, &self.constants)?;
        Ok(Value::from(letter).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], set: &[&str], expected: &[&str]) {
        let constants = set.iter().map(|set| set.parse().unwrap()).collect();
        let found = match rows(Box::new(Cursor::new(text.to_vec())), constants, 1 << 10) {
            Ok(rows) => rows.map(words).collect(),
            Err(fault) => vec![fault.to_string()],
        };
        assert_eq!(found, expected);
    }

    fn words(row: Result<Row>) -> String {
        match row {
            Ok(Row {
                line,
                letter: Ok(letter),
                ..
            }) => format!("{line}: {letter}"),
            Ok(Row {
                line,
                letter: Err((field, why)),
                ..
            }) => format!("{line}! {field} {why}"),
            Err(fault) => format!("{fault:#}"),
        }
    }

    #[test]
    fn cells_become_fields_and_empty_ones_are_left_out() {
        check(
            "\u{feff}to.address,to.name,variables.id,tags,priority\n\
             anna@mail.ru,Анна,7,a;b,\n\
             \"o\"\"k@mail.ru\",,8,,2\n"
                .as_bytes(),
            &["stream=marketing"],
            &[
                r#"2: {"stream":"marketing","tags":["a","b"],"to":{"address":"anna@mail.ru","name":"Анна"},"variables":{"id":"7"}}"#,
                r#"3: {"priority":2,"stream":"marketing","to":{"address":"o\"k@mail.ru"},"variables":{"id":"8"}}"#,
            ],
        );
    }

    #[test]
    fn a_spreadsheet_may_separate_with_semicolons_or_tabs() {
        check(
            b"to;stream\na@b.example;x\n",
            &[],
            &[r#"2: {"stream":"x","to":"a@b.example"}"#],
        );
        check(
            b"to\tstream\na@b.example\tx\n",
            &[],
            &[r#"2: {"stream":"x","to":"a@b.example"}"#],
        );
    }

    #[test]
    fn a_bad_row_is_named_and_the_next_one_read() {
        check(
            b"to,stream\na@b.example\n\"two\nlines\",x,y\n\xff,x\nc@d.example,x\n",
            &[],
            &[
                "2!  has 1 cells under a head row of 2",
                "3!  has 3 cells under a head row of 2",
                "5!  is not UTF-8 text",
                r#"6: {"stream":"x","to":"c@d.example"}"#,
            ],
        );
    }

    #[test]
    fn a_file_that_is_no_sheet_of_letters_is_refused_before_the_first_letter() {
        check(b"", &[], &["the file is empty: it has no head row"]);
        check(
            b"PK\x03\x04\xff\xfe\x00,x\n",
            &[],
            &["the file is not UTF-8 text, so it is no CSV that can be read"],
        );
        check(b"to,to\n", &[], &["column 2 names `to` again"]);
        let wide: Vec<String> = (0..2_000).map(|n| format!("variables.v{n}")).collect();
        check(
            wide.join(",").as_bytes(),
            &[],
            &["the head row has 2000 columns, and 1000 are the most"],
        );
        check(
            b"to.mail\n",
            &[],
            &[
                "column 1 of the head row: `to.mail` leads nowhere; below `to` are address, name, locale, time_zone",
            ],
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let mut text = b"to,stream\na@b.example,x\n\"".to_vec();
        text.resize(1 << 20, b'x');
        check(
            &text,
            &[],
            &[
                r#"2: {"stream":"x","to":"a@b.example"}"#,
                "reading the file of letters at line 3: a row is larger than a letter may be; is a quote not closed?",
            ],
        );
    }
}
