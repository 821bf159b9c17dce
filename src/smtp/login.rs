//! The login at a smarthost.
//!
//! Owns [`Login`] and which mechanism it uses. Promises: the secret is never printed, and never sent without TLS
//! unless the operator said that it may. The encoding is `mail-send`'s. Does not know replies; see `session`.

use std::fmt;

use mail_send::Credentials;
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN};

use super::Capabilities;

/// A user name and a secret for a smarthost.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password or token.
    pub secret: String,
    /// Whether they may be sent without TLS, as to a smarthost on the same machine.
    pub in_clear: bool,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({:?}, secret withheld)", self.user)
    }
}

/// How the login will be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    Login,
}

impl Mechanism {
    /// The best that the host offers and we speak. The digests stay out: they need the plain secret at the host.
    pub(crate) const fn best(offered: Capabilities) -> Option<Self> {
        if offered.auth_plain() {
            Some(Self::Plain)
        } else if offered.auth_login() {
            Some(Self::Login)
        } else {
            None
        }
    }
}

impl Login {
    /// The first line.
    pub(crate) fn command(&self, mechanism: Mechanism) -> Option<String> {
        match mechanism {
            // With the initial response PLAIN needs one round trip (RFC 4954 §4).
            Mechanism::Plain => {
                let answer = self.credentials().encode(AUTH_PLAIN, "").ok()?;
                Some(format!("AUTH PLAIN {answer}\r\n"))
            }
            Mechanism::Login => Some("AUTH LOGIN\r\n".to_owned()),
        }
    }

    /// The answer to a challenge; `None` when we do not know what is asked.
    pub(crate) fn answer(&self, mechanism: Mechanism, challenge: &str) -> Option<String> {
        let number = match mechanism {
            Mechanism::Plain => AUTH_PLAIN,
            Mechanism::Login => AUTH_LOGIN,
        };
        let answer = self.credentials().encode(number, challenge.trim()).ok()?;
        Some(format!("{answer}\r\n"))
    }

    fn credentials(&self) -> Credentials<&str> {
        Credentials::Plain {
            username: &self.user,
            secret: &self.secret,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> Login {
        Login {
            user: "anna".into(),
            secret: "s3cret".into(),
            in_clear: false,
        }
    }

    #[test]
    fn plain_needs_one_line() {
        let line = anna().command(Mechanism::Plain).unwrap();
        assert_eq!(line, "AUTH PLAIN AGFubmEAczNjcmV0\r\n");
    }

    #[test]
    fn login_answers_the_questions_it_knows() {
        let answer = |challenge| anna().answer(Mechanism::Login, challenge);
        assert_eq!(answer("VXNlcm5hbWU6").unwrap(), "YW5uYQ==\r\n");
        assert_eq!(answer("UGFzc3dvcmQ6").unwrap(), "czNjcmV0\r\n");
        assert_eq!(answer("V2hhdD8="), None);
        assert_eq!(answer("not base64"), None);
    }

    #[test]
    fn the_secret_is_never_printed() {
        assert_eq!(format!("{:?}", anna()), "Login(\"anna\", secret withheld)");
    }
}
