//! The talk of one connection, from the greeting to the end (RFC 5321 §3).
//!
//! Owns the order of commands and what ESMTP offers: PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, STARTTLS, and
//! SMTPUTF8 and CHUNKING where planned. Promises: one reply per command, whatever comes; a guest who talks nonsense is seen off.
//! Leaves decisions to `provider`, bytes to `wire`.

use std::{net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    command::{Command, Mail},
    dialect::Saying,
    provider::Provider,
    tally::Envelope,
    temper::Cut,
    wire::Wire,
};
use crate::smtp::guest::Gone;

/// The largest letter taken, as big providers have it.
pub(super) const LETTER_MAX: usize = 50 * 1_024 * 1_024;

/// Recipients of one letter (RFC 5321 §4.5.3.1.8 asks for at least 100).
const RECIPIENTS_MAX: usize = 100;

/// Faults after which a guest is seen off.
const FAULTS_MAX: u32 = 20;

/// Why the talk in its present form is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// For good.
    Left,
    /// TLS comes next.
    StartTls,
}

/// Whether the connection is, or can be, encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    /// In clear, without an offer.
    Never,
    /// In clear, STARTTLS on offer.
    Offered,
    /// Under TLS.
    Encrypted,
}

/// One guest.
pub(super) struct Session<'a, S> {
    wire: &'a mut Wire<S>,
    provider: Arc<Provider>,
    host: &'a str,
    source: IpAddr,
    privacy: Privacy,
    greeted: bool,
    sender: Option<String>,
    envelopes: Vec<Envelope>,
    /// What came of a letter in chunks; `None` once it was larger than any letter.
    chunks: Option<Vec<u8>>,
    utf8: bool,
    letters: u32,
    faults: u32,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    /// A guest who has said nothing yet.
    pub(super) const fn new(
        wire: &'a mut Wire<S>,
        provider: Arc<Provider>,
        host: &'a str,
        source: IpAddr,
        privacy: Privacy,
    ) -> Self {
        Self {
            wire,
            provider,
            host,
            source,
            privacy,
            greeted: false,
            sender: None,
            envelopes: Vec::new(),
            chunks: Some(Vec::new()),
            utf8: false,
            letters: 0,
            faults: 0,
        }
    }

    /// Greets and listens; under TLS the greeting has been said before (RFC 3207 §4.2).
    pub(super) async fn run(mut self) -> Ending {
        match self.talk().await {
            Ok(ending) => ending,
            Err(gone) => {
                if let Some(last) = gone.last_words() {
                    self.wire.close(last).await;
                }
                Ending::Left
            }
        }
    }

    async fn talk(&mut self) -> Result<Ending, Gone> {
        if self.privacy != Privacy::Encrypted {
            let greeting = format!("220 {} ESMTP", self.host);
            self.wire.say(&greeting).await?;
        }
        loop {
            let line = match self.wire.line().await? {
                Ok(line) => line,
                Err(bad) => {
                    self.fault(bad.reply()).await?;
                    continue;
                }
            };
            if let Some(ending) = self.obey(Command::parse(&line)).await? {
                return Ok(ending);
            }
        }
    }

    async fn obey(&mut self, command: Command<'_>) -> Result<Option<Ending>, Gone> {
        match command {
            Command::Ehlo => self.hello(&self.offers()).await?,
            Command::Helo => self.hello(&format!("250 {}", self.host)).await?,
            Command::Mail(mail) => self.mail(&mail).await?,
            Command::Rcpt(path) => self.rcpt(path).await?,
            Command::Data => self.data().await?,
            Command::Bdat {
                size_bytes,
                is_last,
            } => self.chunk(size_bytes, is_last).await?,
            Command::Rset => {
                self.forget();
                self.wire.say("250 2.0.0 Flushed").await?;
            }
            Command::Noop => self.wire.say("250 2.0.0 Ok").await?,
            Command::Vrfy => {
                let reply = "252 2.5.0 Send some mail, we will see";
                self.wire.say(reply).await?;
            }
            Command::StartTls if self.privacy == Privacy::Offered => {
                self.wire.say("220 2.0.0 Ready to start TLS").await?;
                self.wire.flush().await?;
                return Ok(Some(Ending::StartTls));
            }
            Command::Quit => return Err(self.wire.close("221 2.0.0 Bye").await),
            Command::Malformed => self.fault("501 5.5.4 Syntax error in arguments").await?,
            Command::StartTls | Command::Unknown => {
                self.fault("502 5.5.1 Command not implemented").await?;
            }
        }
        Ok(None)
    }

    fn offers(&self) -> String {
        let mut offers = vec![self.host, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"];
        if self.privacy == Privacy::Offered {
            offers.push("STARTTLS");
        }
        if self.provider.smtputf8 {
            offers.push("SMTPUTF8");
        }
        if self.provider.chunking {
            offers.push("CHUNKING");
        }
        format!("250-{}\n250 SIZE {LETTER_MAX}", offers.join("\n250-"))
    }

    async fn hello(&mut self, reply: &str) -> Result<(), Gone> {
        self.greeted = true;
        self.forget();
        self.wire.say(reply).await
    }

    async fn mail(&mut self, mail: &Mail<'_>) -> Result<(), Gone> {
        if !self.greeted {
            return self.fault("503 5.5.1 EHLO first").await;
        }
        if self.sender.is_some() {
            return self.fault("503 5.5.1 Sender already given").await;
        }
        if let Some(saying) = self.provider.sender(self.letters) {
            return self.refuse(&saying, "").await;
        }
        if mail.size_bytes.is_some_and(|size| size > LETTER_MAX as u64) {
            return self
                .wire
                .say("552 5.3.4 Message size exceeds fixed limit")
                .await;
        }
        self.utf8 = mail.utf8 && self.provider.smtputf8;
        if !mail.path.is_ascii() && !self.utf8 {
            return self.wire.say("553 5.6.7 Address needs SMTPUTF8").await;
        }
        self.sender = Some(mail.path.to_owned());
        self.wire.say("250 2.1.0 Ok").await
    }

    async fn rcpt(&mut self, path: &str) -> Result<(), Gone> {
        let Some(sender) = &self.sender else {
            return self.fault("503 5.5.1 MAIL first").await;
        };
        if self.envelopes.len() >= RECIPIENTS_MAX {
            return self.wire.say("452 4.5.3 Too many recipients").await;
        }
        if !path.is_ascii() && !self.utf8 {
            return self.wire.say("553 5.6.7 Address needs SMTPUTF8").await;
        }
        if path
            .rsplit_once('@')
            .is_none_or(|(local, domain)| local.is_empty() || domain.is_empty())
        {
            return self.fault("501 5.1.3 Bad recipient address syntax").await;
        }
        let envelope = Envelope {
            return_path: sender.clone(),
            recipient: path.to_owned(),
        };
        if let Some(saying) = self
            .provider
            .recipient(self.source, &envelope, Instant::now())
        {
            return self.refuse(&saying, path).await;
        }
        self.envelopes.push(envelope);
        self.wire.say("250 2.1.5 Ok").await
    }

    async fn data(&mut self) -> Result<(), Gone> {
        let Some(first) = self.envelopes.first() else {
            return self.fault("503 5.5.1 No valid recipients").await;
        };
        let is_cut = self.provider.cut(first, false).is_some();
        self.wire.say("354 End data with <CR><LF>.<CR><LF>").await?;
        if is_cut {
            self.wire.more().await?;
            return Err(Gone::Closed);
        }
        let letter = self.wire.letter(LETTER_MAX).await?;
        self.close(letter).await
    }

    /// A chunk is read whatever is thought of it (RFC 3030 §2).
    async fn chunk(&mut self, size_bytes: usize, is_last: bool) -> Result<(), Gone> {
        let is_cut = self
            .envelopes
            .first()
            .is_some_and(|first| self.provider.cut(first, false).is_some());
        if is_cut {
            self.wire.more().await?;
            return Err(Gone::Closed);
        }
        let before = self.chunks.as_ref().map_or(0, Vec::len);
        let room = LETTER_MAX.saturating_sub(before);
        let chunk = self.wire.chunk(size_bytes, room).await?;
        if self.envelopes.is_empty() {
            return self.fault("503 5.5.1 No valid recipients").await;
        }
        self.chunks = self.chunks.take().zip(chunk).map(|(mut letter, chunk)| {
            letter.extend_from_slice(&chunk);
            letter
        });
        if !is_last {
            return self.wire.say("250 2.0.0 Chunk received").await;
        }
        let letter = self.chunks.take();
        self.close(letter).await
    }

    /// The letter is whole; `None` was larger than any.
    async fn close(&mut self, letter: Option<Vec<u8>>) -> Result<(), Gone> {
        let envelopes = std::mem::take(&mut self.envelopes);
        self.forget();
        self.letters += 1;
        let Some(raw) = letter else {
            let saying = self.provider.too_big();
            return self.object(&envelopes, &saying).await;
        };
        self.final_dot(&envelopes, &raw).await
    }

    async fn final_dot(&mut self, envelopes: &[Envelope], raw: &[u8]) -> Result<(), Gone> {
        let objections = envelopes
            .iter()
            .find_map(|envelope| self.provider.objection(envelope));
        if let Some(saying) = objections {
            return self.object(envelopes, &saying).await;
        }
        let cut = envelopes
            .iter()
            .find_map(|envelope| self.provider.cut(envelope, true));
        match cut {
            Some(Cut::AfterDotKept) => {
                self.provider.accept(envelopes, raw, 0).await;
                Err(Gone::Closed)
            }
            Some(Cut::AfterDotLost | Cut::MidLetter) => Err(Gone::Closed),
            None => {
                let queue_id = self.provider.accept(envelopes, raw, 250).await;
                let reply = format!("250 2.0.0 Ok: queued as {queue_id}");
                self.wire.say(&reply).await
            }
        }
    }

    async fn object(&mut self, envelopes: &[Envelope], saying: &Saying) -> Result<(), Gone> {
        self.provider.refuse(envelopes, saying);
        let recipient = envelopes.first().map_or("", |envelope| &envelope.recipient);
        self.refuse(saying, recipient).await
    }

    /// Says a refusal; a 421 ends the connection (RFC 5321 §3.8).
    async fn refuse(&mut self, saying: &Saying, recipient: &str) -> Result<(), Gone> {
        let reply = saying.render(recipient, &self.source.to_string());
        if saying.code() == 421 {
            return Err(self.wire.close(&reply).await);
        }
        self.wire.say(&reply).await
    }

    async fn fault(&mut self, reply: &str) -> Result<(), Gone> {
        self.faults += 1;
        if self.faults > FAULTS_MAX {
            return Err(self
                .wire
                .close("421 4.7.0 Too many errors, closing connection")
                .await);
        }
        self.wire.say(reply).await
    }

    fn forget(&mut self) {
        self.sender = None;
        self.envelopes.clear();
        self.chunks = Some(Vec::new());
    }
}
