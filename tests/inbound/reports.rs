//! Reports as mail servers and feedback loops write them.

/// A delivery report (RFC 3464).
pub(crate) struct Dsn<'a> {
    pub(crate) recipient: &'a str,
    pub(crate) action: &'a str,
    pub(crate) status: &'a str,
    pub(crate) words: &'a str,
    /// Message-ID of the returned copy.
    pub(crate) message_id: &'a str,
}

impl<'a> Dsn<'a> {
    /// The mailbox does not exist.
    pub(crate) fn hard(recipient: &'a str) -> Self {
        Self {
            recipient,
            action: "failed",
            status: "5.1.1",
            words: "550 5.1.1 User unknown",
            message_id: "nobody@reader.example",
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            recipient,
            action,
            status,
            words,
            message_id,
        } = self;
        crlf(&format!(
            "From: MAILER-DAEMON@mx.reader.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"

--B
Content-Type: text/plain

This is the mail system at host mx.reader.example.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.reader.example

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--B
Content-Type: text/rfc822-headers

From: news@example.com
To: {recipient}
Message-ID: <{message_id}>

--B--
"
        ))
    }
}

/// A feedback report (RFC 5965); `fields` are further fields of it.
pub(crate) fn complaint(kind: &str, fields: &str, message_id: &str) -> String {
    crlf(&format!(
        "From: feedback@fbl.provider.example
Subject: FW: news
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=\"B\"

--B
Content-Type: text/plain

This is a spam complaint.

--B
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: TestFBL/1.0
Version: 1
{fields}
--B
Content-Type: text/rfc822-headers

From: news@example.com
Message-ID: <{message_id}>

--B--
"
    ))
}

/// A person's mail.
pub(crate) fn note(subject: &str, more: &str) -> String {
    crlf(&format!(
        "From: anna@reader.example\nSubject: {subject}\n{more}\nhello\n"
    ))
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}
