//! Records of the form `v=X; a=b; c=d` (RFC 6376 §3.2): DKIM, DMARC, MTA-STS, TLS-RPT, BIMI.
//!
//! Owns taking them apart. Promises: what is no tag is said; white space around names and values does not matter.

/// The tags in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tags(Vec<(String, String)>);

impl Tags {
    /// Takes a text apart; `Err` is the part that is no tag, or a tag that comes twice.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tags: Vec<(String, String)> = Vec::new();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').ok_or_else(|| part.to_owned())?;
            let name = name.trim().to_ascii_lowercase();
            if name.is_empty() || tags.iter().any(|(old, _)| *old == name) {
                return Err(part.to_owned());
            }
            tags.push((name, value.trim().to_owned()));
        }
        Ok(Self(tags))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(tag, _)| tag == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The value without any white space.
    pub(super) fn packed(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| value.split_ascii_whitespace().collect())
    }

    /// Whether the first tag is this one.
    pub(super) fn begins(&self, name: &str, value: &str) -> bool {
        self.0
            .first()
            .is_some_and(|(tag, is)| tag == name && is == value)
    }
}

/// Texts that say which version they are, however wrong they are otherwise.
pub(super) fn of_version(texts: &[String], version: &str) -> Vec<String> {
    let is_one = |text: &&String| {
        let packed: String = text.split_ascii_whitespace().collect();
        let wanted = format!("v={version}");
        packed
            .to_ascii_lowercase()
            .starts_with(&wanted.to_ascii_lowercase())
    };
    texts.iter().filter(is_one).cloned().collect()
}
