//! Values that no log and no `config show` may print.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands in place of a secret.
const MASK: &str = "***";

/// A password. Printing it in any form prints a mask.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// The address of a database. Printing it masks the password in it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl Secret {
    /// Wraps a password.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl DatabaseUrl {
    /// Wraps an address.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The address with its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The address without its password, which ends at the last `@`: careless people write one into it.
    fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            // Not an address at all: it may be anything, also a password.
            return MASK.to_owned();
        };
        let login = rest.rsplit_once('@').and_then(|(login, place)| {
            let (user, _password) = login.split_once(':')?;
            Some((user, place))
        });
        match login {
            Some((user, place)) => format!("{scheme}://{user}:{MASK}@{}", masked_query(place)),
            None => format!("{scheme}://{}", masked_query(rest)),
        }
    }
}

/// A password may also stand behind the question mark.
fn masked_query(place: &str) -> String {
    let Some((place, query)) = place.split_once('?') else {
        return place.to_owned();
    };
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
            format!("{name}={MASK}")
        }
        _ => pair.to_owned(),
    });
    format!("{place}?{}", masked.collect::<Vec<_>>().join("&"))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(DatabaseUrl::new(url.to_owned()).masked(), expected);
    }

    #[test]
    fn a_database_address_shows_everything_but_the_password() {
        check(
            "postgres://anna:s3cret@db.example/mail",
            "postgres://anna:***@db.example/mail",
        );
        check(
            "postgres://anna:p@ss?x=1@db.example/mail",
            "postgres://anna:***@db.example/mail",
        );
        check(
            "postgres://anna@db.example/mail",
            "postgres://anna@db.example/mail",
        );
        check(
            "postgres:///mail?host=/run&password=s3cret",
            "postgres:///mail?host=/run&password=***",
        );
        check("host=db password=s3cret", "***");
        check("s3cret", "***");
    }

    proptest! {
        #[test]
        fn no_password_is_ever_printed(password in "[a-z0-9@:/?&=]{1,12}") {
            let password = format!("Q7{password}Q8");
            let url = DatabaseUrl::new(format!("postgres://anna:{password}@db.example/mail"));
            let shown = format!("{url:?}");
            prop_assert!(!shown.contains("Q7"));
            prop_assert!(!shown.contains("Q8"));
        }
    }
}
