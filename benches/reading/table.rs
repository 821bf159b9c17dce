//! The table of this bench.
//!
//! Owns rows and their order. Promises: every figure with its lowest and highest; a goal counts as reached or missed when
//! every run says so.

use std::{collections::BTreeMap, fmt};

#[derive(Debug, Default)]
struct Row {
    unit: &'static str,
    values: Vec<f64>,
    goal: Option<f64>,
    whole: Option<&'static str>,
}

/// All rows, in the order in which they were first heard of.
#[derive(Debug, Default)]
pub(crate) struct Table {
    order: Vec<&'static str>,
    rows: BTreeMap<&'static str, Row>,
}

impl Table {
    /// Adds a value to a row.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: f64) {
        if !self.rows.contains_key(name) {
            self.order.push(name);
        }
        let row = self.rows.entry(name).or_default();
        row.unit = unit;
        row.values.push(value);
    }

    /// The least that a row should show.
    pub(crate) fn goal(&mut self, name: &'static str, least: f64) {
        if let Some(row) = self.rows.get_mut(name) {
            row.goal = Some(least);
        }
    }

    /// Shows a row as a share of another one.
    pub(crate) fn share(&mut self, name: &'static str, whole: &'static str) {
        if let Some(row) = self.rows.get_mut(name) {
            row.whole = Some(whole).filter(|whole| *whole != name);
        }
    }

    fn said(&self, row: &Row) -> String {
        if let Some(goal) = row.goal {
            let all_reached = row.values.iter().all(|value| *value >= goal);
            let all_missed = row.values.iter().all(|value| *value < goal);
            let verdict = match (all_reached, all_missed) {
                (true, _) => "reached",
                (_, true) => "MISSED",
                _ => "OPEN, the runs disagree",
            };
            return format!("goal {goal:.0}: {verdict}");
        }
        let whole = row.whole.and_then(|name| self.rows.get(name));
        whole.map_or_else(String::new, |whole| {
            format!(
                "{:.0} %",
                median(&row.values) / median(&whole.values) * 100.0
            )
        })
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, low, high) = ("what", "min", "max");
        writeln!(f, "{what:<40} {:>10} {low:>10} {high:>10}  unit", "median")?;
        for name in &self.order {
            let row = &self.rows[name];
            let sorted = sorted(&row.values);
            let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
                continue;
            };
            let (median, unit, said) = (median(&row.values), row.unit, self.said(row));
            writeln!(
                f,
                "{name:<40} {median:>10.0} {min:>10.0} {max:>10.0}  {unit:<10} {said}"
            )?;
        }
        Ok(())
    }
}
