//! The table that the benches print.
//!
//! Owns rows and their order. Promises: a figure is shown only with its spread over the runs; a ratio is taken within each
//! run and shown with its own spread, because a neighbour's load changes from run to run and would pass for speed.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
};

/// One quantity, measured some times.
#[derive(Debug, Default)]
struct Row {
    unit: &'static str,
    values: Vec<f64>,
    base: Option<(&'static str, f64)>,
    at_most: Option<f64>,
}

/// All rows, in the order in which they were first heard of.
#[derive(Debug, Default)]
pub(crate) struct Table {
    order: Vec<&'static str>,
    rows: BTreeMap<&'static str, Row>,
}

impl Table {
    /// Adds a value to a row.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, value: f64) -> &mut Self {
        if !self.rows.contains_key(name) {
            self.order.push(name);
        }
        let row = self.rows.entry(name).or_default();
        row.unit = unit;
        row.values.push(value);
        self
    }

    /// Adds a value where there is one.
    pub(crate) fn add_known(&mut self, name: &'static str, unit: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.add(name, unit, value);
        }
    }

    /// Compares a row to another one; `goal` is the ratio to reach.
    pub(crate) fn compare(&mut self, name: &'static str, base: &'static str, goal: f64) {
        if let Some(row) = self.rows.get_mut(name) {
            row.base = Some((base, goal));
        }
    }

    /// Gives a row a value not to pass.
    pub(crate) fn at_most(&mut self, name: &'static str, limit: f64) {
        if let Some(row) = self.rows.get_mut(name) {
            row.at_most = Some(limit);
        }
    }

    /// Prints what was measured so far on one line.
    pub(crate) fn tell(&self, name: &'static str) -> io::Result<()> {
        match self.rows.get(name) {
            Some(row) => writeln!(
                io::stderr().lock(),
                "  {name}: {:.0} {}",
                row.values.last().unwrap_or(&0.0),
                row.unit
            ),
            None => Ok(()),
        }
    }

    /// The ratio of each run, sorted.
    fn ratios(&self, row: &Row, base: &str) -> Vec<f64> {
        let base = self.rows.get(base).map_or(&[][..], |base| &base.values);
        let pairs = row.values.iter().zip(base);
        let mut ratios: Vec<f64> = pairs.map(|(value, base)| value / base * 100.0).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    fn verdict(&self, row: &Row) -> String {
        if let Some(limit) = row.at_most {
            let all_reached = row.values.iter().all(|value| *value <= limit);
            let all_missed = row.values.iter().all(|value| *value > limit);
            return format!("at most {limit:.0}: {}", proven(all_reached, all_missed));
        }
        let Some((base, goal)) = row.base else {
            return String::new();
        };
        let ratios = self.ratios(row, base);
        let (Some(min), Some(max)) = (ratios.first(), ratios.last()) else {
            return String::new();
        };
        let median = ratios[ratios.len() / 2];
        let percent = format!("{median:.0} % ({min:.0}-{max:.0}) of {}", base.trim());
        if goal > 0.0 {
            let goal = goal * 100.0;
            let said = proven(*min >= goal, *max < goal);
            format!("{percent}; goal {goal:.0} %: {said}")
        } else {
            percent
        }
    }
}

/// A goal is reached or missed when every run says so; a median among runs that disagree proves nothing.
const fn proven(all_reached: bool, all_missed: bool) -> &'static str {
    match (all_reached, all_missed) {
        (true, _) => "reached",
        (_, true) => "MISSED",
        _ => "OPEN, the runs disagree",
    }
}

impl Row {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ("what", "median", "min", "max");
        writeln!(
            f,
            "{:<52} {:>9} {:>9} {:>9}  {:<10} ratio",
            head.0, head.1, head.2, head.3, "unit"
        )?;
        for name in &self.order {
            let row = &self.rows[name];
            let sorted = row.sorted();
            let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
                continue;
            };
            let median = row.median().unwrap_or_default();
            let verdict = self.verdict(row);
            writeln!(
                f,
                "{name:<52} {median:>9.0} {min:>9.0} {max:>9.0}  {:<10} {verdict}",
                row.unit
            )?;
        }
        Ok(())
    }
}
