//! Where a mail may bear a token of ours.
//!
//! Owns the order of those places. Promises: the address that the mail was sent to comes first, because a server that bounces
//! answers to it; then what is left of the letter, which proves only that somebody has seen the letter (docs/inbound.md);
//! a token counts for its own purpose and no other. Names in a report that bear no token prove nothing.

use crate::{
    mail::{Complaint, Report, Witness},
    port::inbound::Proof,
    token::{Addresses, Kind, Named, TOKEN_LETTERS, Tokens},
};

/// A letter that a mail speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) named: Named,
    pub(super) proof: Proof,
    kind: Kind,
}

impl Lead {
    /// Whether whoever holds this token may unsubscribe.
    pub(super) fn may_unsubscribe(self) -> bool {
        self.kind == Kind::Unsubscribe
    }

    /// Whoever knows the return path was told it by the envelope; everything else stands in the letter's head.
    pub(super) const fn witness(self) -> Witness {
        match self.kind {
            Kind::ReturnPath => Witness::Server,
            Kind::Feedback | Kind::Unsubscribe | Kind::MessageId => Witness::Onlooker,
        }
    }
}

/// The letters behind the addresses that the mail was sent to, each once.
pub(super) fn in_envelope(addresses: &Addresses, rcpt_to: &[String]) -> Vec<Lead> {
    let mut leads: Vec<Lead> = Vec::new();
    for (kind, named) in rcpt_to
        .iter()
        .filter_map(|address| addresses.named(address))
    {
        if leads.iter().all(|lead| lead.named != named) {
            leads.push(Lead {
                named,
                proof: Proof::Envelope,
                kind,
            });
        }
    }
    leads
}

/// The letter that the returned copy is of, by the most trusted place that bears a token.
pub(super) fn in_copy(tokens: &Tokens, report: &Report) -> Vec<Lead> {
    let original = &report.original;
    let empty = Complaint::default();
    let complaint = report.complaint.as_ref().unwrap_or(&empty);
    let path = |text: &str| local(tokens, Kind::ReturnPath, text);
    let message = |text: &str| local(tokens, Kind::MessageId, text);
    let feedback = |text: &str| local(tokens, Kind::Feedback, text);
    let feedback_id = |text: &str| Some((Kind::Feedback, tokens.decode(Kind::Feedback, text)?));
    let found = first(complaint.original_mail_from.as_ref(), path)
        .or_else(|| first(original.return_path.as_ref(), path))
        .or_else(|| first(original.cfbl_address.as_ref(), feedback))
        .or_else(|| first(original.cfbl_feedback_id.as_ref(), feedback_id))
        .or_else(|| first(complaint.original_message_id.as_ref(), message))
        .or_else(|| first(original.message_id.as_ref(), message))
        .or_else(|| first(&original.list_unsubscribe, |text| link(tokens, text)));
    let lead = found.map(|(kind, named)| Lead {
        named,
        proof: Proof::ReturnedCopy,
        kind,
    });
    lead.into_iter().collect()
}

fn first<'a, T>(
    texts: impl IntoIterator<Item = &'a String>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    texts.into_iter().find_map(|text| read(text))
}

fn local(tokens: &Tokens, kind: Kind, address: &str) -> Option<(Kind, Named)> {
    let bare = address.trim().trim_matches(['<', '>']);
    let (local, _) = bare.rsplit_once('@')?;
    Some((kind, tokens.decode_local(kind, local)?))
}

/// `https://.../<token>` or `mailto:u+<token>@...?subject=...`.
fn link(tokens: &Tokens, text: &str) -> Option<(Kind, Named)> {
    if let Some(address) = text.strip_prefix("mailto:") {
        let address = address.split('?').next().unwrap_or_default();
        return local(tokens, Kind::Unsubscribe, address);
    }
    let start = text.len().checked_sub(TOKEN_LETTERS)?;
    let token = text.get(start..)?;
    Some((Kind::Unsubscribe, tokens.decode(Kind::Unsubscribe, token)?))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        mail::{Domain, LetterId, Original, Shard},
        token::TokenKey,
    };

    const LETTER: Named = Named {
        id: LetterId(Uuid::from_u128(7)),
        shard: Shard(9),
    };

    fn tokens() -> Tokens {
        let key = TokenKey {
            id: 1,
            secret: [7; 32],
        };
        Tokens::new(key, Vec::new())
    }

    fn check(original: Original, complaint: Option<Complaint>, expected: Option<Kind>) {
        let report = Report {
            complaint,
            original,
            ..Report::default()
        };
        let leads = in_copy(&tokens(), &report);
        assert_eq!(leads.first().map(|lead| lead.kind), expected, "{report:?}");
        assert!(leads.iter().all(|lead| lead.named == LETTER));
    }

    #[test]
    fn a_returned_copy_shows_its_letter_in_many_places() {
        let at = |kind| format!("{}@any.example", tokens().local_part(kind, LETTER));
        let token = tokens().encode(Kind::Unsubscribe, LETTER);
        let plain = Original::default;
        check(plain(), None, None);
        let message_id = Some(at(Kind::MessageId));
        check(
            Original {
                message_id,
                ..plain()
            },
            None,
            Some(Kind::MessageId),
        );
        let return_path = Some(at(Kind::ReturnPath));
        check(
            Original {
                return_path,
                ..plain()
            },
            None,
            Some(Kind::ReturnPath),
        );
        let cfbl_address = Some(at(Kind::Feedback).to_uppercase());
        check(
            Original {
                cfbl_address,
                ..plain()
            },
            None,
            Some(Kind::Feedback),
        );
        for way in [
            format!("https://u.example.com/o/{token}"),
            format!("mailto:u+{token}@unsub.example.com?subject=unsubscribe"),
        ] {
            let list_unsubscribe = vec!["https://other.example/".to_owned(), way];
            check(
                Original {
                    list_unsubscribe,
                    ..plain()
                },
                None,
                Some(Kind::Unsubscribe),
            );
        }
        let complaint = Complaint {
            original_mail_from: Some(format!("<{}>", at(Kind::ReturnPath))),
            ..Complaint::default()
        };
        check(plain(), Some(complaint), Some(Kind::ReturnPath));
    }

    #[test]
    fn a_token_of_another_kind_in_a_place_proves_nothing() {
        let at = |kind| format!("{}@any.example", tokens().local_part(kind, LETTER));
        let plain = Original::default;
        let message_id = Some(format!(
            "{}@any.example",
            tokens().encode(Kind::ReturnPath, LETTER)
        ));
        check(
            Original {
                message_id,
                ..plain()
            },
            None,
            None,
        );
        let return_path = Some(at(Kind::Feedback));
        check(
            Original {
                return_path,
                ..plain()
            },
            None,
            None,
        );
    }

    #[test]
    fn an_envelope_names_each_letter_once() {
        let addresses = Addresses {
            domains: vec![(
                Domain::parse("bounce.example.com").unwrap(),
                Kind::ReturnPath,
            )],
            mailboxes: vec!["fbl".to_owned()],
            tokens: tokens(),
        };
        let ours = format!(
            "{}@bounce.example.com",
            tokens().local_part(Kind::ReturnPath, LETTER)
        );
        let to = [
            ours.clone(),
            "fbl@bounce.example.com".to_owned(),
            ours.to_uppercase(),
        ];
        let leads = in_envelope(&addresses, &to);
        assert_eq!(leads.len(), 1);
        assert!(!leads[0].may_unsubscribe());
    }
}
