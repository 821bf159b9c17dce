//! When each signing key was made, published, used and retired.
//!
//! Owns one small file beside the keys of a domain, `<folder>/<domain>/rotation.toml`. Promises: it holds no secret; it is
//! written whole or not at all; a domain without it has keys without dates. Leaves the choice of who signs to `app::check`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::{Doing, KeyError};
use crate::mail::{Domain, Timestamp};

/// The file's name.
const NAME: &str = "rotation.toml";
const HEAD: &str = "# When each key was made, seen in DNS, took over and retired. Written by `postrider dkim`.\n\n";

/// The dates of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyDates {
    /// When it was made.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub made: Option<Timestamp>,
    /// When DNS was first seen to show it.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// Since when it signs.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub signing: Option<Timestamp>,
    /// Since when it signs no more.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
    /// From when on its record may be emptied.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub revoke_at: Option<Timestamp>,
}

/// The keys of a domain by selector.
pub type Rotation = BTreeMap<String, KeyDates>;

/// The dates of a domain's keys; none where there is no file.
pub fn rotation(folder: &Path, domain: &Domain) -> Result<Rotation, KeyError> {
    let path = path(folder, domain);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Rotation::new()),
        other => other.doing("reading", &path)?,
    };
    toml::from_str(&text).map_err(|error| KeyError::BadDates {
        path,
        why: error.message().to_owned(),
    })
}

/// Changes the dates of a domain's keys.
pub fn change_rotation(
    folder: &Path,
    domain: &Domain,
    change: impl FnOnce(&mut Rotation),
) -> Result<(), KeyError> {
    let mut dates = rotation(folder, domain)?;
    change(&mut dates);
    let path = path(folder, domain);
    let text = toml::to_string(&dates).map_err(|error| KeyError::BadDates {
        path: path.clone(),
        why: error.to_string(),
    })?;
    write(&path, &format!("{HEAD}{text}")).doing("writing", &path)
}

fn path(folder: &Path, domain: &Domain) -> PathBuf {
    folder.join(domain.as_str()).join(NAME)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    File::open(folder)?.sync_all()
}

/// Moments as everywhere: RFC 3339 in UTC.
mod moment {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::mail::Timestamp;

    #[expect(clippy::ref_option, reason = "the form that serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_str(&at.to_string()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = String::deserialize(from)?;
        let at = Timestamp::parse(&text);
        at.map(Some)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no moment")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_kept_beside_the_keys_and_a_broken_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let domain = Domain::parse("example.com").unwrap();
        assert_eq!(rotation(folder.path(), &domain).unwrap(), Rotation::new());
        fs::create_dir(folder.path().join("example.com")).unwrap();
        let at = Timestamp::from_seconds(1_795_000_000);
        let make =
            |dates: &mut Rotation| dates.entry("s-1.a".to_owned()).or_default().made = Some(at);
        change_rotation(folder.path(), &domain, make).unwrap();
        let retire =
            |dates: &mut Rotation| dates.entry("s-1.a".to_owned()).or_default().retired = Some(at);
        change_rotation(folder.path(), &domain, retire).unwrap();
        let dates = rotation(folder.path(), &domain).unwrap()["s-1.a"];
        assert_eq!(
            (dates.made, dates.signing, dates.retired),
            (Some(at), None, Some(at))
        );
        fs::write(path(folder.path(), &domain), "[s1]\nmade = \"soon\"").unwrap();
        let fault = rotation(folder.path(), &domain).unwrap_err().to_string();
        assert!(fault.contains("`soon` is no moment"), "{fault}");
    }
}
