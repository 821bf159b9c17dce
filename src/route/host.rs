//! Which names of a DNS answer can be a mail host at all.
//!
//! Owns the test and the fair shuffle. Promises: no IP literal, no single label, no name of our own machine passes, so a
//! careless MX record cannot make us talk to ourselves (RFC 5321 §5.1).

/// Longest host name in DNS (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;
/// Longest label.
const LABEL_MAX: usize = 63;

/// The name in lower case without a final dot, when it can be a remote mail host.
///
/// Underscores pass, although host names have none: some live MX records do, and they resolve.
pub(super) fn mail_host(name: &str) -> Option<String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let name = bare.to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_host = name.len() <= NAME_MAX
        && name.contains('.')
        && name.split('.').all(is_label)
        && !last.bytes().all(|octet| octet.is_ascii_digit())
        && !matches!(last, "localhost" | "localdomain" | "invalid");
    is_host.then_some(name)
}

fn is_label(label: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=LABEL_MAX).contains(&label.len()) && label.bytes().all(known)
}

/// Shuffles in place by one throw of the dice, in 0..1: each remaining place takes its share of the throw's digits.
/// A throw has 52 binary digits, enough for every order of 16 things and for the first picks of any number.
pub(super) fn shuffle<T>(things: &mut [T], dice: f64) {
    let mut dice = dice.clamp(0.0, 1.0);
    for at in 0..things.len() {
        let left = things.len() - at;
        let (pick, rest) = throw(left, dice);
        things.swap(at, at + pick);
        dice = rest;
    }
}

/// One of `sides`, and what is left of the dice for the next throw.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sides are few and the scaled dice lie in 0..=sides"
)]
fn throw(sides: usize, dice: f64) -> (usize, f64) {
    let scaled = dice * sides as f64;
    let pick = (scaled as usize).min(sides.saturating_sub(1));
    (pick, (scaled - pick as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(mail_host(name).as_deref(), expected, "{name:?}");
    }

    #[test]
    fn names_that_can_be_mail_hosts() {
        check("MX1.Example.com.", Some("mx1.example.com"));
        check("mx_1.example.com", Some("mx_1.example.com"));
        check("mx.xn--e1afmkfd.xn--p1ai", Some("mx.xn--e1afmkfd.xn--p1ai"));
    }

    #[test]
    fn names_that_cannot() {
        for name in [
            "",
            ".",
            "mail",
            "localhost",
            "a.localhost",
            "localhost.localdomain",
        ] {
            check(name, None);
        }
        for name in [
            "192.0.2.1",
            "2001:db8::1",
            "[192.0.2.1]",
            "a..example.com",
            "mx.example.com:25",
        ] {
            check(name, None);
        }
        for name in [
            "a b.example.com",
            "mx.example.com\r\nRCPT",
            "\\000.example.com",
            "домен.рф",
        ] {
            check(name, None);
        }
        check(&format!("{}.example.com", "a".repeat(64)), None);
        check(&format!("{}com", "a.".repeat(130)), None);
    }
}
