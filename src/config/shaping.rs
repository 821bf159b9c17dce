//! The operator's shaping file.
//!
//! Owns its reading. Promises: what is wrong is said with file, line and reason, all at once. Leaves what may stand in it to
//! `policy::shaping`.

use std::path::Path;

use super::{ConfigError, read};
use crate::policy::Shaping;

/// The compiled-in profiles with that file over them.
pub fn shaping(path: &Path) -> Result<Shaping, ConfigError> {
    let text = read(path)?;
    Shaping::parse(&text).map_err(|faults| {
        let lines = faults
            .iter()
            .map(|fault| format!("{}:{}: {}", path.display(), fault.line, fault.why));
        ConfigError::Invalid(lines.collect::<Vec<_>>().join("\n"))
    })
}
