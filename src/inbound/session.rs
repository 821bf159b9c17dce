//! The talk with one guest, from the greeting to the end (RFC 5321 §3, RFC 2033).
//!
//! Owns the order of commands and what is offered: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES, STARTTLS.
//! Promises: one reply per command (LMTP: one per recipient after the mail); 250 after the final dot only when the mail is
//! kept; a guest who talks nonsense or feels for addresses is seen off. Leaves bytes to `smtp::guest`, who is let
//! in to `token::Addresses`, keeping to the port.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{error, info};

use super::{
    budget::{Budget, Hold},
    command::{Command, Sender},
    settings::{Protocol, Settings},
};
use crate::{
    mail::{Door, Incoming},
    port::{
        Clock,
        inbound::{InboundWatch, Intake, TurnedAway},
    },
    smtp::guest::{Gone, Guest, READ_OCTETS},
    token::Addresses,
};

/// Recipients of one mail (RFC 5321 §4.5.3.1.8 asks for at least 100). A report has one.
const RECIPIENTS_MAX: usize = 100;

/// Nonsense and refused recipients after which a guest is seen off.
const FAULTS_MAX: u32 = 20;

/// Commands of one guest: far more than a server with a pile of bounces needs.
const COMMANDS_MAX: u32 = 10_000;

const TOO_BIG: &str = "552 5.3.4 Message size exceeds fixed limit";

const GOODBYE_FAULTS: &str = "421 4.7.0 Too many errors, closing connection";

/// What every talk needs.
pub(super) struct House<I, C, W> {
    pub(super) settings: Settings,
    pub(super) addresses: Addresses,
    pub(super) budget: Budget,
    pub(super) intake: I,
    pub(super) clock: C,
    pub(super) watch: W,
}

/// Why the talk in its present form is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// For good.
    Left,
    /// TLS comes next.
    StartTls,
}

/// Whether the connection is, or can be, encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    /// In clear; STARTTLS on offer where there is a certificate.
    Clear,
    /// Under TLS.
    Encrypted,
}

/// One guest.
pub(super) struct Session<'a, S, I, C, W> {
    house: &'a House<I, C, W>,
    guest: &'a mut Guest<S>,
    protocol: Protocol,
    remote: IpAddr,
    privacy: Privacy,
    greeted: bool,
    sender: Option<Sender>,
    recipients: Vec<String>,
    faults: u32,
}

impl<'a, S, I, C, W> Session<'a, S, I, C, W>
where
    S: AsyncRead + AsyncWrite + Unpin,
    I: Intake,
    C: Clock,
    W: InboundWatch,
{
    /// A guest who has said nothing yet.
    pub(super) fn new(
        house: &'a House<I, C, W>,
        guest: &'a mut Guest<S>,
        protocol: Protocol,
        remote: IpAddr,
        privacy: Privacy,
    ) -> Self {
        Self {
            house,
            guest,
            protocol,
            remote,
            privacy,
            greeted: false,
            sender: None,
            recipients: Vec::new(),
            faults: 0,
        }
    }

    /// Greets and listens; under TLS the greeting has been said before (RFC 3207 §4.2).
    pub(super) async fn run(mut self) -> Ending {
        match self.talk().await {
            Ok(ending) => ending,
            Err(gone) => {
                if let Some(last) = gone.last_words() {
                    self.guest.close(last).await;
                }
                Ending::Left
            }
        }
    }

    async fn talk(&mut self) -> Result<Ending, Gone> {
        if self.privacy == Privacy::Clear {
            let protocol = match self.protocol {
                Protocol::Smtp => "ESMTP",
                Protocol::Lmtp => "LMTP",
            };
            let greeting = format!("220 {} {protocol} Postrider", self.house.settings.host);
            self.guest.say(&greeting);
        }
        for _ in 0..COMMANDS_MAX {
            let command = match self.guest.line().await? {
                Ok(line) => Command::parse(&line),
                Err(bad) => Command::Wrong(bad.reply()),
            };
            if let Some(ending) = self.obey(command).await? {
                return Ok(ending);
            }
        }
        self.guest
            .close("421 4.7.0 Too many commands, closing connection")
            .await;
        Err(Gone::Closed)
    }

    async fn obey(&mut self, command: Command) -> Result<Option<Ending>, Gone> {
        match command {
            Command::Ehlo if self.protocol == Protocol::Smtp => self.hello(&self.offers()),
            Command::Lhlo if self.protocol == Protocol::Lmtp => self.hello(&self.offers()),
            Command::Helo if self.protocol == Protocol::Smtp => {
                self.hello(&format!("250 {}", self.house.settings.host));
            }
            Command::Mail(sender) => self.mail(sender).await?,
            Command::Rcpt(address) => self.rcpt(address).await?,
            Command::Data => self.data().await?,
            Command::Rset => {
                self.forget();
                self.guest.say("250 2.0.0 Flushed");
            }
            Command::Noop => self.guest.say("250 2.0.0 Ok"),
            Command::Vrfy => self.guest.say("252 2.5.0 Send some mail, we will see"),
            Command::StartTls if self.offers_tls() => {
                self.guest.say("220 2.0.0 Ready to start TLS");
                self.guest.flush().await?;
                return Ok(Some(Ending::StartTls));
            }
            Command::Quit => {
                self.guest.close("221 2.0.0 Bye").await;
                return Err(Gone::Closed);
            }
            Command::Wrong(reply) => self.fault(reply).await?,
            // RFC 2033 §4.1: neither protocol knows the other's hello.
            Command::Ehlo | Command::Helo | Command::Lhlo => {
                self.fault("500 5.5.1 Command not recognised").await?;
            }
            Command::StartTls => self.fault("502 5.5.1 Command not implemented").await?,
        }
        Ok(None)
    }

    fn offers_tls(&self) -> bool {
        self.privacy == Privacy::Clear && self.house.settings.tls.is_some()
    }

    fn offers(&self) -> String {
        let settings = &self.house.settings;
        let starttls = if self.offers_tls() {
            "\n250-STARTTLS"
        } else {
            ""
        };
        format!(
            "250-{}\n250-PIPELINING\n250-8BITMIME\n250-SMTPUTF8\n250-ENHANCEDSTATUSCODES{starttls}\n250 SIZE {}",
            settings.host, settings.size_max
        )
    }

    fn hello(&mut self, reply: &str) {
        self.greeted = true;
        self.forget();
        self.guest.say(reply);
    }

    async fn mail(&mut self, sender: Sender) -> Result<(), Gone> {
        if !self.greeted {
            return self.fault("503 5.5.1 Say hello first").await;
        }
        if self.sender.is_some() {
            return self.fault("503 5.5.1 Sender already given").await;
        }
        let reply = if sender.size > self.house.settings.size_max {
            TOO_BIG
        } else if !sender.path.is_ascii() && !sender.utf8 {
            "553 5.6.7 Address needs SMTPUTF8"
        } else {
            self.sender = Some(sender);
            "250 2.1.0 Ok"
        };
        self.guest.say(reply);
        Ok(())
    }

    async fn rcpt(&mut self, address: String) -> Result<(), Gone> {
        let Some(sender) = &self.sender else {
            return self.fault("503 5.5.1 MAIL first").await;
        };
        if !address.is_ascii() && !sender.utf8 {
            return self.fault("553 5.6.7 Address needs SMTPUTF8").await;
        }
        if self.recipients.len() >= RECIPIENTS_MAX {
            self.guest.say("452 4.5.3 Too many recipients");
            return Ok(());
        }
        if let Err(why) = self.house.addresses.admit(&address) {
            self.house.watch.turned_away(why);
            return self.fault(refusal(why)).await;
        }
        self.recipients.push(address);
        self.guest.say("250 2.1.5 Ok");
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Gone> {
        let Some(sender) = self.sender.take().filter(|_| !self.recipients.is_empty()) else {
            self.forget();
            return self.fault("503 5.5.1 No valid recipients").await;
        };
        let recipients = std::mem::take(&mut self.recipients);
        self.guest.say("354 End data with <CR><LF>.<CR><LF>");
        let mut hold = self.house.budget.hold();
        let size_max = self.house.settings.size_max;
        let objection = |octets| objection(octets, size_max, &mut hold);
        let mail = self.guest.letter(objection).await?;
        self.guest.shrink();
        let takers = match self.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => recipients.len(),
        };
        let reply = match mail {
            Ok(raw) => self.keep(sender.path, recipients, raw).await,
            Err(reply) => reply.to_owned(),
        };
        // RFC 2033 §4.2: LMTP wants one reply for each recipient that was taken, in their order.
        for _ in 0..takers {
            self.guest.say(&reply);
        }
        Ok(())
    }

    async fn keep(&self, mail_from: String, rcpt_to: Vec<String>, raw: Vec<u8>) -> String {
        let door = match self.protocol {
            Protocol::Smtp => Door::Smtp,
            Protocol::Lmtp => Door::Lmtp,
        };
        let mail = Incoming {
            at: self.house.clock.now(),
            door,
            remote: Some(self.remote),
            mail_from,
            rcpt_to,
            raw,
        };
        match self.house.intake.keep(mail).await {
            Ok(id) => {
                info!(inbound.id = %id, door = door.name(), remote = %self.remote, "Kept inbound mail {id}");
                format!("250 2.0.0 Ok: kept as {id}")
            }
            Err(trouble) => {
                error!(error = ?trouble, "An inbound mail could not be kept; its sender is asked to come back");
                "451 4.3.0 Cannot keep it now, come back later".to_owned()
            }
        }
    }

    async fn fault(&mut self, reply: &str) -> Result<(), Gone> {
        self.faults += 1;
        if self.faults > FAULTS_MAX {
            self.guest.close(GOODBYE_FAULTS).await;
            return Err(Gone::Closed);
        }
        self.guest.say(reply);
        Ok(())
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }
}

/// Why a mail of so many octets is not kept. It lies in memory twice when its dots are undone.
fn objection(octets: usize, size_max: usize, hold: &mut Hold) -> Option<&'static str> {
    let reply = if octets > size_max {
        TOO_BIG
    } else if hold.grow(2 * (octets + READ_OCTETS)) {
        return None;
    } else {
        "452 4.3.1 Too much mail at once, come back later"
    };
    hold.release();
    Some(reply)
}

/// No hint whether a letter behind a wrong token ever was.
const fn refusal(why: TurnedAway) -> &'static str {
    match why {
        TurnedAway::NoSuchAddress => "550 5.1.1 No such address here",
        TurnedAway::Relay => "550 5.7.1 We do not relay",
    }
}
