//! How long each stage of the talk may take.
//!
//! Owns the numbers and their reasons. Promises: the defaults never give up on a letter earlier than RFC 5321 asks.
//! Leaves the waiting itself to `talk`.

use std::time::Duration;

use crate::mail::Stage;

/// A limit for every wait of the talk. A limit covers a whole reply, so a host that drips one octet a minute hits it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Opening the TCP connection; applied by whoever dials.
    pub connect: Duration,
    /// The 220 greeting.
    pub banner: Duration,
    /// `EHLO` and `HELO`.
    pub ehlo: Duration,
    /// `STARTTLS`, and again for the handshake.
    pub tls: Duration,
    /// Each step of `AUTH`.
    pub auth: Duration,
    /// `MAIL FROM`.
    pub mail_from: Duration,
    /// `RCPT TO`.
    pub rcpt_to: Duration,
    /// `DATA`, until its 354.
    pub data: Duration,
    /// Each write.
    pub block: Duration,
    /// The reply to the final dot.
    pub final_dot: Duration,
    /// `RSET` and `QUIT`.
    pub leave: Duration,
}

impl Default for Timeouts {
    /// RFC 5321 §4.5.3.2, except where no letter is at stake yet.
    fn default() -> Self {
        Self {
            // The next MX host may be up; TCP itself would try for two minutes and more.
            connect: Duration::from_secs(30),
            // The RFC allows 5 minutes, but nothing of a letter has been said yet: a host that greets so late holds one
            // of the few connections its site allows us, and asking again later loses nothing. Tarpits greet in < 60 s.
            banner: Duration::from_mins(1),
            ehlo: Duration::from_mins(5),
            tls: Duration::from_mins(1),
            auth: Duration::from_mins(2),
            mail_from: Duration::from_mins(5),
            rcpt_to: Duration::from_mins(5),
            data: Duration::from_mins(2),
            block: Duration::from_mins(3),
            // Some hosts answer the final dot after minutes; giving up early sends the letter twice. §4.5.3.2.6
            final_dot: Duration::from_mins(10),
            // Courtesy only.
            leave: Duration::from_secs(10),
        }
    }
}

impl Timeouts {
    /// The limit of that stage's reply.
    pub const fn at(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Connect => self.connect,
            Stage::Banner => self.banner,
            Stage::Ehlo => self.ehlo,
            Stage::StartTls => self.tls,
            Stage::Auth => self.auth,
            Stage::MailFrom => self.mail_from,
            Stage::RcptTo => self.rcpt_to,
            Stage::Data => self.data,
            Stage::FinalDot => self.final_dot,
            Stage::Leave => self.leave,
        }
    }
}
