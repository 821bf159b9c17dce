//! A finding as people read it.
//!
//! Owns the text. Promises: plain characters only, whatever was found; a record to publish is a whole line of a zone file.

use std::fmt::Write as _;

use super::{
    finding::{Finding, Fix, Level},
    wanted::zone_line,
};

/// A finding with its fixes, the level first.
pub fn paragraph(finding: &Finding) -> String {
    let rule = finding.rule;
    let mut text = format!(
        "{}  {}  {}\n  found  {}",
        rule.level.name(),
        rule.id,
        plain(&finding.about),
        plain(&finding.found)
    );
    if rule.level == Level::Ok {
        return text;
    }
    // Writing into a String cannot fail.
    let _ = write!(text, "\n  why    {}\n  whom   {}", rule.why, rule.whom);
    for fix in &finding.fixes {
        let _ = write!(text, "\n  fix    {}", words(fix));
    }
    text
}

/// What to do.
pub fn words(fix: &Fix) -> String {
    match fix {
        Fix::Publish { name, kind, value } => {
            format!("publish  {}", zone_line(&plain(name), kind, &plain(value)))
        }
        Fix::Remove { name, kind, value } => {
            format!("remove   {}", zone_line(&plain(name), kind, &plain(value)))
        }
        Fix::Run(command) => format!("run      {command}"),
        Fix::Do(what) => plain(what),
    }
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}
