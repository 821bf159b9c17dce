//! The pace that each provider likes, as data.
//!
//! Owns the profiles: the compiled-in ones (`shaping.toml`) and the operator's over them. Promises: the same hosts always
//! meet the same rules; of rules that could both match, the file is refused; limits that no rule names do not exist.
//! Leaves counting to `engine::pace` and what is learned to [`super::governor`].

mod file;
mod profile;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use file::{Level, Row, Rows};

pub use file::ShapingFault;
pub use profile::{Demand, Profile};

/// The compiled-in file.
pub const STANDARD: &str = include_str!("shaping.toml");

static STANDARD_ROWS: LazyLock<Rows> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is a constant that every test reads"
    )]
    file::read(STANDARD).expect("the compiled-in shaping file is readable")
});

/// Every profile in force.
#[derive(Clone, Debug, Default)]
pub struct Shaping {
    default: Profile,
    providers: Vec<Row>,
    sites: Vec<Row>,
    domains: Vec<Row>,
}

/// What one count of a route is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Under which name it counts, beside the source.
    pub target: String,
    /// Its limits.
    pub profile: Profile,
}

impl Shaping {
    /// The compiled-in profiles.
    pub fn standard() -> Self {
        let (shaping, _) = Self::joined(STANDARD_ROWS.clone(), Rows::default());
        shaping
    }

    /// No limit, nothing learned: for receivers of one's own, and for benches.
    pub fn free() -> Self {
        let default = Profile {
            adaptive: Some(false),
            ..Profile::default()
        };
        Self {
            default,
            ..Self::default()
        }
    }

    /// Whether there is no limit at all, and nothing to learn.
    pub fn is_free(&self) -> bool {
        let no_rule = self.providers.is_empty() && self.sites.is_empty() && self.domains.is_empty();
        no_rule && self.default == Self::free().default
    }

    /// The operator's file over the compiled-in one: a rule of the same name changes the keys that it names.
    pub fn parse(text: &str) -> Result<Self, Vec<ShapingFault>> {
        let rows = file::read(text)?;
        let (shaping, faults) = Self::joined(STANDARD_ROWS.clone(), rows);
        if faults.is_empty() {
            Ok(shaping)
        } else {
            Err(faults)
        }
    }

    fn joined(under: Rows, over: Rows) -> (Self, Vec<ShapingFault>) {
        let mut shaping = Self {
            default: over.default.over(&under.default),
            ..Self::default()
        };
        let mut faults = Vec::new();
        for row in under.rows.into_iter().chain(over.rows) {
            let rows = match row.level {
                Level::Provider => &mut shaping.providers,
                Level::Site => &mut shaping.sites,
                Level::Domain => &mut shaping.domains,
            };
            put(rows, row, &mut faults);
        }
        (shaping, faults)
    }

    /// The counts that a letter to a site adds to, the outermost first. `hosts` are its MX hosts, the best first, and `site`
    /// is its name.
    pub fn counts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>, site: &str) -> Vec<Count> {
        let best = hosts.into_iter().next().unwrap_or_default();
        let provider = self.providers.iter().find(|row| row.matches(best));
        let outer = match provider {
            Some(row) => Count {
                target: row.name.clone(),
                profile: row.profile.over(&self.default),
            },
            None => Count {
                target: site.to_owned(),
                profile: self.default.clone(),
            },
        };
        let within = self
            .sites
            .iter()
            .find(|row| row.matches(best))
            .map(|row| Count {
                target: format!("{}: {site}", row.name),
                profile: row.profile.clone(),
            });
        std::iter::once(outer).chain(within).collect()
    }

    /// The count of a recipient domain, where a rule names it.
    pub fn domain(&self, domain: &str) -> Option<Count> {
        let row = self
            .domains
            .iter()
            .find(|row| row.patterns.iter().any(|name| name == domain))?;
        Some(Count {
            target: format!("{}: {domain}", row.name),
            profile: row.profile.clone(),
        })
    }

    /// Whether any rule names a recipient domain.
    pub fn has_domains(&self) -> bool {
        !self.domains.is_empty()
    }

    /// Every provider rule: its name, its patterns and what is in force for it.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &[String], Profile)> {
        let default = &self.default;
        self.providers.iter().map(move |row| {
            (
                row.name.as_str(),
                &row.patterns[..],
                row.profile.over(default),
            )
        })
    }

    /// What is in force where no rule matches.
    pub const fn default_profile(&self) -> &Profile {
        &self.default
    }
}

impl Row {
    fn matches(&self, host: &str) -> bool {
        self.patterns.iter().any(|pattern| covers(pattern, host))
    }
}

fn covers(pattern: &str, host: &str) -> bool {
    if pattern.starts_with('.') {
        host.ends_with(pattern)
    } else {
        host == pattern
    }
}

/// Whether one pattern takes hosts from the other, or all of them.
fn overlap(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| outer.starts_with('.') && inner.ends_with(outer);
    one == other || within(one, other) || within(other, one)
}

/// Adds a rule, or changes the one of its name; no pattern may meet another's hosts.
fn put(rows: &mut Vec<Row>, row: Row, faults: &mut Vec<ShapingFault>) {
    let mut fault = |why: String| {
        faults.push(ShapingFault {
            line: row.line,
            why,
        });
    };
    for pattern in &row.patterns {
        for other in rows.iter().filter(|other| other.name != row.name) {
            if let Some(theirs) = other
                .patterns
                .iter()
                .find(|theirs| overlap(pattern, theirs))
            {
                fault(format!(
                    "\"{pattern}\" of the rule {} overlaps \"{theirs}\" of the rule {}: a host can obey only one",
                    row.name, other.name
                ));
            }
        }
    }
    match rows.iter_mut().find(|known| known.name == row.name) {
        Some(known) => {
            known.profile = row.profile.over(&known.profile);
            if !row.patterns.is_empty() {
                known.patterns = row.patterns;
            }
        }
        None if row.patterns.is_empty() => {
            fault(format!(
                "the rule {} has no pattern, so it matches nothing",
                row.name
            ));
        }
        None => rows.push(row),
    }
}
