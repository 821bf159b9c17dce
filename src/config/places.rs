//! Where in the file a key stands.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Every key of a file with its place, parents before children.
pub(super) struct Places {
    keys: Vec<Place>,
    line_starts: Vec<usize>,
}

struct Place {
    path: String,
    name: Range<usize>,
    value: Range<usize>,
}

impl Places {
    /// Reads them from the text; of a text that is not quite TOML, what can be read.
    pub(super) fn of(text: &str) -> Self {
        let mut keys = Vec::new();
        let (table, _errors) = DeTable::parse_recoverable(text);
        walk(table.get_ref(), "", &mut keys);
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            keys,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The line, counted from 1, of a place in the text.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The line of a key such as `stream[1].jitter`, or of the nearest table around it.
    pub(super) fn line_of(&self, path: &str) -> Option<usize> {
        let around = |place: &&Place| {
            path.strip_prefix(place.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let place = self
            .keys
            .iter()
            .filter(around)
            .max_by_key(|place| place.path.len())?;
        Some(self.line_at(place.name.start))
    }

    /// The key that the place belongs to: the innermost one whose name or value spans it.
    pub(super) fn path_at(&self, span: &Range<usize>) -> Option<&str> {
        let holds = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        self.keys
            .iter()
            .rfind(|place| holds(&place.name) || holds(&place.value))
            .map(|place| place.path.as_str())
    }
}

fn walk(table: &DeTable<'_>, parent: &str, keys: &mut Vec<Place>) {
    for (name, value) in table {
        let path = if parent.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{parent}.{}", name.get_ref())
        };
        note(&path, name.span(), value, keys);
    }
}

fn note(path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>, keys: &mut Vec<Place>) {
    keys.push(Place {
        path: path.to_owned(),
        name,
        value: value.span(),
    });
    match value.get_ref() {
        DeValue::Table(table) => walk(table, path, keys),
        DeValue::Array(array) => {
            for (index, item) in array.iter().enumerate() {
                note(&format!("{path}[{index}]"), item.span(), item, keys);
            }
        }
        _ => {}
    }
}
