//! The header set of a letter, by stream.
//!
//! Owns which fields a letter carries and in which form (`docs/headers.md` is the table). Promises: each field once, no
//! value of a caller anywhere but in Subject and display names. Leaves encoding to `field`, values to `identity`,
//! MIME to `body`.

use super::{
    Identity, Style, field,
    identity::{Feedback, Names, Unsubscribe},
};
use crate::mail::{Content, Letter, Timestamp};

/// Mail.ru reads at most so many latin letters and digits.
const MSGTYPE_MAX: usize = 32;

/// Writes every field but MIME-Version and Content-*.
pub(super) fn write(
    out: &mut Vec<u8>,
    letter: &Letter,
    subject: &str,
    style: &Style,
    identity: &Identity,
    names: &Names,
    now: Timestamp,
) {
    field::date(out, now);
    field::mailbox(out, "From", &letter.from);
    field::mailbox(out, "To", &letter.to.mailbox);
    if let Some(reply_to) = &letter.reply_to {
        field::mailbox(out, "Reply-To", reply_to);
    }
    field::text(out, "Subject", subject);
    field::exact(out, "Message-ID", &["<", &names.message_id, ">"]);
    list_fields(out, style, names.unsubscribe.as_ref());
    report_fields(out, letter, style, identity);
    robot_fields(out, style);
    feedback_fields(out, names.feedback.as_ref());
}

/// How the reader leaves, and which list this is.
fn list_fields(out: &mut Vec<u8>, style: &Style, unsubscribe: Option<&Unsubscribe>) {
    if let Some(Unsubscribe { url, mailto }) = unsubscribe {
        // https first: RFC 2369 §2 gives the order of preference, and Gmail takes the first it can use.
        let letter = "?subject=unsubscribe>";
        field::exact(
            out,
            "List-Unsubscribe",
            &["<", url, ">,\r\n <mailto:", mailto, letter],
        );
        // RFC 8058 §3.1: this value, letter by letter.
        field::exact(
            out,
            "List-Unsubscribe-Post",
            &["List-Unsubscribe=One-Click"],
        );
    }
    if let Some(list) = &style.list {
        let title = list.title.as_deref().unwrap_or_default();
        field::named_angle(out, "List-Id", title, list.id.as_str());
    }
}

/// What the postmaster desks of Gmail and Mail.ru count by.
fn report_fields(out: &mut Vec<u8>, letter: &Letter, style: &Style, identity: &Identity) {
    let kind = mail_type(letter, style);
    let feedback_id = feedback_id(letter, style, kind, identity.sender_id());
    field::exact(out, "Feedback-ID", &[&feedback_id]);
    let mut msgtype = kind.to_owned();
    msgtype.retain(|c| c.is_ascii_alphanumeric());
    msgtype.truncate(MSGTYPE_MAX);
    if !msgtype.is_empty() {
        field::exact(out, "X-Postmaster-Msgtype", &[&msgtype]);
    }
}

/// What robots on the other side should know.
fn robot_fields(out: &mut Vec<u8>, style: &Style) {
    if style.precedence_bulk {
        field::exact(out, "Precedence", &["bulk"]);
    }
    if style.auto_submitted {
        field::exact(out, "Auto-Submitted", &["auto-generated"]);
        field::exact(out, "X-Auto-Response-Suppress", &["OOF, AutoReply"]);
    }
}

/// Where complaints go (RFC 9477).
fn feedback_fields(out: &mut Vec<u8>, feedback: Option<&Feedback>) {
    if let Some(Feedback { address, id }) = feedback {
        field::exact(out, "CFBL-Address", &[address, "; report=arf"]);
        field::exact(out, "CFBL-Feedback-ID", &[id]);
    }
}

/// Gmail counts each field alone; its first letter keeps a value from repeating in another field.
fn feedback_id(letter: &Letter, style: &Style, kind: &str, sender_id: &str) -> String {
    let mut text = String::with_capacity(96);
    if let Some(campaign) = &letter.campaign {
        push_counted(&mut text, 'c', campaign);
    }
    push_counted(&mut text, 's', &style.stream);
    push_counted(&mut text, 't', kind);
    text.push_str(sender_id);
    text
}

fn push_counted(text: &mut String, letter: char, word: &str) {
    text.push(letter);
    let counted = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    text.extend(word.chars().filter(counted));
    text.push(':');
}

fn mail_type<'a>(letter: &'a Letter, style: &'a Style) -> &'a str {
    match (&style.mail_type, &letter.content) {
        (Some(word), _) => word,
        (None, Content::Template { name, .. }) => name,
        (None, _) => &style.stream,
    }
}
