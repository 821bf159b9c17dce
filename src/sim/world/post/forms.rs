//! How reports, complaints and wishes are written.
//!
//! Owns the octets. Promises: the forms of RFC 3464 and RFC 5965, as servers write them. Leaves who writes what to its parent.

/// What a report says about one recipient (RFC 3464 §2.3).
pub(super) struct Fate<'a> {
    pub(super) recipient: &'a str,
    pub(super) action: &'static str,
    pub(super) status: &'static str,
    pub(super) words: &'static str,
}

/// Nobody of that name.
pub(super) const fn unknown(recipient: &str) -> Fate<'_> {
    Fate {
        recipient,
        action: "failed",
        status: "5.1.1",
        words: "550 5.1.1 no such user here",
    }
}

/// Still trying.
pub(super) const fn delayed(recipient: &str) -> Fate<'_> {
    Fate {
        recipient,
        action: "delayed",
        status: "4.4.1",
        words: "451 4.4.1 connection timed out",
    }
}

/// A delivery report with the head of the letter that it is about.
pub(super) fn delivery_report(to: &str, fate: &Fate<'_>, head: &str) -> String {
    let Fate {
        recipient,
        action,
        status,
        words,
    } = fate;
    let said = format!(
        "Reporting-MTA: dns; mx.receiver.example\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; {words}\r\n"
    );
    report(
        to,
        "report-type=delivery-status",
        ("message/delivery-status", &said),
        head,
    )
}

/// A complaint of a reader, as their provider passes it on.
pub(super) fn complaint(to: &str, return_path: &str, recipient: &str, head: &str) -> String {
    let said = format!(
        "Feedback-Type: abuse\r\nUser-Agent: Receiver/1.0\r\nVersion: 1\r\n\
         Original-Mail-From: <{return_path}>\r\nOriginal-Rcpt-To: <{recipient}>\r\n"
    );
    report(
        to,
        "report-type=feedback-report",
        ("message/feedback-report", &said),
        head,
    )
}

/// A letter to an unsubscribe address.
pub(super) fn unsubscribe(to: &str, recipient: &str) -> String {
    format!("From: <{recipient}>\r\nTo: <{to}>\r\nSubject: unsubscribe\r\n\r\nunsubscribe\r\n")
}

fn report(to: &str, kind: &str, (form, said): (&str, &str), head: &str) -> String {
    format!(
        "From: <postmaster@mx.receiver.example>\r\nTo: <{to}>\r\nSubject: about your letter\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; {kind}; boundary=\"cut\"\r\n\r\n\
         --cut\r\nContent-Type: text/plain\r\n\r\nThis is about a letter of yours.\r\n\
         --cut\r\nContent-Type: {form}\r\n\r\n{said}\r\n\
         --cut\r\nContent-Type: text/rfc822-headers\r\n\r\n{head}\r\n--cut--\r\n"
    )
}
