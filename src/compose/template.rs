//! Templates: folders of subject, text and HTML in several languages, compiled once.
//!
//! Owns [`TemplateSet`], the choice of a language and the words for what went wrong. Promises: a missing variable is
//! never an empty space in a letter; rendering ends (fuel); a template reads nothing but its variables and other
//! templates of the set. Leaves the file system to the `templates` edge.

use std::{borrow::Cow, collections::BTreeMap, fmt, path::Path};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::{blame, body::Texts, facts::Facts};
use crate::mail::Unsendable;

/// Work that one rendering may do: about 100 times what a long digest needs, and still only milliseconds.
const FUEL: u64 = 500_000;
/// The folder that is taken when no other language fits.
const DEFAULT: &str = "default";
/// The folder of partial templates that others extend or include.
const SHARED: &str = "_shared";

/// One file of the templates' folder.
#[derive(Clone, Debug)]
pub struct TemplateFile {
    /// Path below the folder, with `/`: `new-order/ru/html.html`.
    pub path: String,
    /// What it holds.
    pub source: String,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// Path below the folder.
    pub path: String,
    /// Line, where it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "templates/{}", self.path)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// Every template, compiled.
#[derive(Debug)]
pub struct TemplateSet {
    environment: Environment<'static>,
    folders: BTreeMap<String, Folder>,
    default_locale: Option<String>,
}

/// One template: its languages by lower-case tag.
type Folder = BTreeMap<String, Sheet>;

/// The files of one language, by their names in the environment.
#[derive(Debug, Default)]
struct Sheet {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
}

impl TemplateSet {
    /// Compiles every file; all faults are reported at once. `default_locale` is tried before the `default` folder.
    pub fn build(
        files: Vec<TemplateFile>,
        default_locale: Option<&str>,
    ) -> Result<Self, Vec<TemplateFault>> {
        let mut set = Self {
            environment: environment(),
            folders: BTreeMap::new(),
            default_locale: default_locale.map(tag),
        };
        let mut faults: Vec<_> = files
            .into_iter()
            .filter_map(|file| set.add(file).err())
            .collect();
        faults.extend(set.incomplete());
        if faults.is_empty() {
            Ok(set)
        } else {
            Err(faults)
        }
    }

    /// Names of the templates and their languages, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.folders
            .iter()
            .map(|(name, folder)| (name.as_str(), folder.keys().map(String::as_str).collect()))
    }

    /// Whether a template of that name exists.
    pub fn contains(&self, name: &str) -> bool {
        self.folders.contains_key(name)
    }

    fn add(&mut self, file: TemplateFile) -> Result<(), TemplateFault> {
        let TemplateFile { path, source } = file;
        let slot = self.slot(&path)?;
        if let Some(slot) = slot {
            *slot = Some(path.clone());
        }
        self.environment
            .add_template_owned(path.clone(), source)
            .map_err(|error| TemplateFault {
                path,
                line: error.line(),
                why: blame::words(&error),
            })
    }

    /// Where a file belongs; partial templates belong nowhere, they are found by name.
    fn slot(&mut self, path: &str) -> Result<Option<&mut Option<String>>, TemplateFault> {
        let segments: Vec<&str> = path.split('/').collect();
        let &[name, locale, file] = segments.as_slice() else {
            return shared_or_fault(path, segments[0]).map(|()| None);
        };
        if name == SHARED {
            return Ok(None);
        }
        let folder = self.folders.entry(name.to_owned()).or_default();
        let sheet = folder.entry(tag(locale)).or_default();
        match file {
            "subject.txt" => Ok(Some(&mut sheet.subject)),
            "text.txt" => Ok(Some(&mut sheet.text)),
            "html.html" => Ok(Some(&mut sheet.html)),
            _ => Err(fault(
                path,
                "a language's folder holds subject.txt, text.txt and html.html only",
            )),
        }
    }

    fn incomplete(&self) -> impl Iterator<Item = TemplateFault> + '_ {
        let sheets = self.folders.iter().flat_map(|(name, folder)| {
            folder
                .iter()
                .map(move |(locale, sheet)| (name, locale, sheet))
        });
        sheets.filter_map(|(name, locale, sheet)| {
            let path = format!("{name}/{locale}");
            match sheet {
                Sheet { subject: None, .. } => Some(fault(&path, "subject.txt is missing")),
                Sheet {
                    text: None,
                    html: None,
                    ..
                } => Some(fault(&path, "neither text.txt nor html.html is there")),
                Sheet { .. } => None,
            }
        })
    }

    /// Renders a template with a letter's variables, a JSON object.
    pub(super) fn render(
        &self,
        name: &str,
        variables: &str,
        facts: &Facts<'_>,
    ) -> Result<Texts<'static>, Unsendable> {
        let sheet = self.sheet(name, facts.locale())?;
        let context = facts.context(variables)?;
        let one = |path: &Option<String>| {
            path.as_deref()
                .map(|path| self.render_file(path, &context))
                .transpose()
        };
        Ok(Texts {
            subject: one(&sheet.subject)?.unwrap_or_default().into(),
            text: one(&sheet.text)?.map(Cow::Owned),
            html: one(&sheet.html)?.map(Cow::Owned),
        })
    }

    fn render_file(&self, path: &str, context: &Value) -> Result<String, Unsendable> {
        self.environment
            .get_template(path)
            .and_then(|template| template.render(context))
            .map_err(|error| blame::unsendable(path, &error))
    }

    /// The exact language, the language without region, the configured default, the `default` folder.
    fn sheet(&self, name: &str, locale: Option<&str>) -> Result<&Sheet, Unsendable> {
        let folder = self
            .folders
            .get(name)
            .ok_or_else(|| Unsendable::new("template", format!("there is no template {name:?}")))?;
        let asked = locale.map(tag);
        let language = asked
            .as_deref()
            .map(|tag| tag.split('-').next().unwrap_or(tag));
        [
            asked.as_deref(),
            language,
            self.default_locale.as_deref(),
            Some(DEFAULT),
        ]
        .into_iter()
        .flatten()
        .find_map(|tag| folder.get(tag))
        .ok_or_else(|| {
            let known: Vec<_> = folder.keys().map(String::as_str).collect();
            Unsendable::new(
                "template",
                format!(
                    "template {name:?} has no folder for locale {:?} and no {DEFAULT:?}, only {}",
                    locale.unwrap_or_default(),
                    known.join(", ")
                ),
            )
        })
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // Faults name the variable only in this mode; it costs nothing until a fault happens.
    environment.set_debug(true);
    environment.set_auto_escape_callback(|name| {
        if Path::new(name)
            .extension()
            .is_some_and(|kind| kind == "html")
        {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment
}

/// `ru_RU` and `ru-ru` are one tag (BCP 47 §2.1.1: case does not matter).
fn tag(locale: &str) -> String {
    locale.to_ascii_lowercase().replace('_', "-")
}

fn fault(path: &str, why: &str) -> TemplateFault {
    TemplateFault {
        path: path.to_owned(),
        line: None,
        why: why.to_owned(),
    }
}

fn shared_or_fault(path: &str, first: &str) -> Result<(), TemplateFault> {
    if first == SHARED {
        Ok(())
    } else {
        Err(fault(
            path,
            "templates lie in <name>/<locale>/, partial ones in _shared/",
        ))
    }
}
