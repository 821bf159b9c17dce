//! Mails that claim what is not true.
//!
//! Owns the forger's tricks. Promises: none of them bears a token of ours for its purpose, nor a signature of a known
//! reporter; some come as near to it as one who sees a letter, or has read our program, can.

use super::{Draft, FEEDBACK, POSTMASTER, Says, Seen, draft, forms};
use crate::{
    sim::world::{chance::Chance, desk},
    token::{Kind, Tokens},
};

/// Of whom a forger says that the report is: a reporter that the operator knows.
const SIGNATURE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=reporter.example; s=sim;\r\n\
    \th=From:To:Subject; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
    \tb=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// A head that somebody made up.
const INVENTED: &str = "Message-ID: <made-up@mail.example.com>\r\nFrom: <news@example.com>\r\n";

/// One forgery about a letter.
pub(super) fn of(chance: &Chance, ours: &Tokens, seen: &Seen<'_>) -> (Says, Draft) {
    let reader = seen.recipient;
    let theirs = desk::forgers_tokens();
    let at = |local: &str, domain: &str| format!("{local}@{domain}.example.com");
    let bounce_to = |to: &str| {
        let fate = forms::unknown(reader);
        draft(to, forms::delivery_report(to, &fate, INVENTED))
    };
    let complain = |return_path: &str| {
        let text = forms::complaint(FEEDBACK, return_path, reader, INVENTED);
        draft(FEEDBACK, text)
    };
    let foreign = at(&theirs.local_part(Kind::ReturnPath, seen.named), "bounce");
    match chance.between(0, 7) {
        // A token made with another secret.
        0 => (Says::Bounced, bounce_to(&foreign)),
        1 => (Says::Complained, complain(&foreign)),
        2 => {
            let to = at(&theirs.local_part(Kind::Unsubscribe, seen.named), "unsub");
            (
                Says::Unsubscribed,
                draft(&to, forms::unsubscribe(&to, reader)),
            )
        }
        // A token of ours for another purpose: every receiver sees return paths.
        3 => {
            let token = ours.encode(Kind::ReturnPath, seen.named);
            let to = at(&format!("{}{token}", Kind::Unsubscribe.prefix()), "unsub");
            (
                Says::Unsubscribed,
                draft(&to, forms::unsubscribe(&to, reader)),
            )
        }
        // A token of ours with one letter changed: another letter's, perhaps.
        4 => (Says::Bounced, bounce_to(&changed(chance, seen.return_path))),
        // No token at all.
        5 => (Says::Bounced, bounce_to(POSTMASTER)),
        // A signature that does not hold.
        _ => {
            let mut report = complain("nobody@bounce.example.com");
            report.text.insert_str(0, SIGNATURE);
            (Says::Complained, report)
        }
    }
}

fn changed(chance: &Chance, return_path: &str) -> String {
    let (local, domain) = return_path.split_once('@').unwrap_or((return_path, ""));
    let mut letters: Vec<char> = local.chars().collect();
    let first = Kind::ReturnPath.prefix().len() as u64;
    let place = usize::try_from(chance.between(first, letters.len() as u64)).unwrap_or(0);
    letters[place] = if letters[place] == 'a' { 'b' } else { 'a' };
    let local: String = letters.into_iter().collect();
    format!("{local}@{domain}")
}
