//! A session with a receiver, from its greeting to our farewell.
//!
//! Owns the opening: greeting, EHLO or HELO, STARTTLS, AUTH. Promises: a [`Session`] that exists may carry letters; under
//! [`Tls::Required`] nothing but STARTTLS was said in clear; a login never is, unless allowed. Leaves connecting to
//! `net`, and reconnecting in clear after a failed opportunistic handshake to the caller. Read `letter` next.

use std::{net::IpAddr, sync::Arc};

use rustls::{ClientConfig, pki_types::CertificateDer};

use super::{
    Capabilities, Login, Timeouts,
    login::Mechanism,
    talk::{Talk, Unshaken},
};
use crate::{
    mail::{Domain, Evidence, Reply, ResultType, Stage, Trouble, TroubleKind},
    port::Wire,
};

/// Whether to go over to TLS, and with which trust in certificates.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Stay in clear.
    Off,
    /// TLS where it is offered and works, else in clear: any certificate beats none (RFC 7435).
    Opportunistic(Arc<ClientConfig>),
    /// TLS or no letter.
    Required(Arc<ClientConfig>),
}

/// How to introduce ourselves, and to whom.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// Our name in EHLO.
    pub ehlo: &'a Domain,
    /// The host's name, also in the TLS handshake.
    pub host: &'a str,
    /// The host's address.
    pub remote: IpAddr,
    /// Whether to go over to TLS.
    pub tls: Tls,
    /// The login, towards a smarthost.
    pub login: Option<&'a Login>,
    /// Whether letters go in chunks where that is offered (RFC 3030).
    pub chunking: bool,
    /// The limits of the talk.
    pub timeouts: Timeouts,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// What the judge should know.
    pub evidence: Evidence,
    /// The handshake of an opportunistic STARTTLS failed: a new connection with [`Tls::Off`] may work.
    pub clear_may_work: bool,
    /// What was wrong with TLS, if that was it.
    pub tls_fault: Option<ResultType>,
}

impl From<Evidence> for Unopened {
    fn from(evidence: Evidence) -> Self {
        Self {
            evidence,
            clear_may_work: false,
            tls_fault: None,
        }
    }
}

impl From<Trouble> for Unopened {
    fn from(trouble: Trouble) -> Self {
        Self::from(Evidence::Broken(trouble))
    }
}

/// How messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handover {
    /// After DATA, up to a final dot.
    Dotted,
    /// By BDAT, counted (RFC 3030).
    Chunked,
    /// The host offered chunks and did not know them.
    ChunksRefused,
}

/// A connection over which letters can go.
pub struct Session<W> {
    pub(super) talk: Talk<W>,
    pub(super) offered: Capabilities,
    /// Whether the talk stands where a new letter may begin.
    pub(super) usable: bool,
    /// An envelope was opened and not closed; RSET goes before the next (RFC 5321 §4.1.1.5).
    pub(super) needs_reset: bool,
    pub(super) letters: u32,
    pub(super) handover: Handover,
    /// Room for commands and stuffed messages, kept from letter to letter.
    pub(super) commands: Vec<u8>,
    pub(super) scratch: Vec<u8>,
    host: String,
    remote: IpAddr,
    tls: Option<String>,
}

impl<W: Wire> Session<W> {
    /// Hears the greeting and gets ready for letters.
    pub async fn open(wire: W, hello: &Hello<'_>) -> Result<Self, Unopened> {
        let mut talk = Talk::new(wire, hello.timeouts);
        let banner = talk.hear(Stage::Banner).await?;
        accepted(banner)?;
        let offered = introduce(&mut talk, hello.ehlo).await?;
        let (mut talk, offered) = secure(talk, offered, hello).await?;
        if let Some(login) = hello.login {
            log_in(&mut talk, offered, login).await?;
        }
        Ok(Self {
            tls: talk.tls_name(),
            talk,
            offered,
            usable: true,
            needs_reset: false,
            letters: 0,
            handover: if hello.chunking && offered.chunking() {
                Handover::Chunked
            } else {
                Handover::Dotted
            },
            commands: Vec::new(),
            scratch: Vec::new(),
            host: hello.host.to_owned(),
            remote: hello.remote,
        })
    }

    /// Says goodbye. The answer changes nothing, so it is not waited for long.
    pub async fn quit(mut self) {
        if self.usable {
            // Polite (RFC 5321 §4.1.1.10); a host that is gone already misses nothing.
            let _ = self.talk.ask(Stage::Leave, b"QUIT\r\n").await;
        }
    }
}

impl<W> Session<W> {
    /// Whether another letter may be sent. False also after a [`Session::send`] that was dropped half-way.
    pub const fn is_usable(&self) -> bool {
        self.usable
    }

    /// Letters tried so far, whatever became of them.
    pub const fn letters(&self) -> u32 {
        self.letters
    }

    /// Whether the host offered CHUNKING and then did not understand it: it should be spoken to without.
    pub const fn refused_chunks(&self) -> bool {
        matches!(self.handover, Handover::ChunksRefused)
    }

    /// What the host offers, as it said last (under TLS, if there is TLS).
    pub const fn offered(&self) -> Capabilities {
        self.offered
    }

    /// TLS version and cipher suite; `None` in clear.
    pub fn tls(&self) -> Option<&str> {
        self.tls.as_deref()
    }

    /// The certificates that the host showed, its own first; none in clear.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        self.talk.certificates()
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host's address.
    pub const fn remote(&self) -> IpAddr {
        self.remote
    }
}

/// A positive reply, or the evidence that it is not one.
fn accepted(reply: Reply) -> Result<Reply, Evidence> {
    match reply.code {
        200..=299 => Ok(reply),
        400..=599 => Err(Evidence::Refused(reply)),
        _ => Err(Evidence::Broken(odd(&reply))),
    }
}

/// A reply that has no meaning at its stage.
pub(super) fn odd(reply: &Reply) -> Trouble {
    let what = format!("a reply that makes no sense here: {reply}");
    Trouble::new(reply.stage, TroubleKind::Garbage, what)
}

/// EHLO, and HELO where the host does not know it (RFC 5321 §4.1.4).
async fn introduce<W: Wire>(talk: &mut Talk<W>, ehlo: &Domain) -> Result<Capabilities, Unopened> {
    let command = format!("EHLO {ehlo}\r\n");
    let reply = talk.ask(Stage::Ehlo, command.as_bytes()).await?;
    if reply.is_permanent() {
        let command = format!("HELO {ehlo}\r\n");
        accepted(talk.ask(Stage::Ehlo, command.as_bytes()).await?)?;
        return Ok(Capabilities::default());
    }
    Ok(Capabilities::parse(&accepted(reply)?.text))
}

/// STARTTLS as wanted and offered; afterwards everything the host said in clear is forgotten (RFC 3207 §4.2).
async fn secure<W: Wire>(
    mut talk: Talk<W>,
    offered: Capabilities,
    hello: &Hello<'_>,
) -> Result<(Talk<W>, Capabilities), Unopened> {
    let (config, is_required) = match &hello.tls {
        Tls::Off => return Ok((talk, offered)),
        Tls::Opportunistic(config) => (config, false),
        Tls::Required(config) => (config, true),
    };
    let missing = if offered.start_tls() {
        let reply = talk.ask(Stage::StartTls, b"STARTTLS\r\n").await?;
        if reply.is_closing() {
            return Err(Evidence::Refused(reply).into());
        }
        (!reply.is_positive()).then(|| format!("TLS is required and was refused: {reply}"))
    } else {
        Some("TLS is required and was not offered".to_owned())
    };
    match missing {
        // Not a refusal of the letter: the host may have its certificate again tomorrow.
        Some(what) if is_required => Err(Unopened {
            tls_fault: Some(ResultType::StarttlsNotSupported),
            ..Trouble::new(Stage::StartTls, TroubleKind::Tls, what).into()
        }),
        Some(_) => Ok((talk, offered)),
        None => shake_hands(talk, config, hello, is_required).await,
    }
}

async fn shake_hands<W: Wire>(
    talk: Talk<W>,
    config: &Arc<ClientConfig>,
    hello: &Hello<'_>,
    is_required: bool,
) -> Result<(Talk<W>, Capabilities), Unopened> {
    let upgraded = talk.upgrade(config, hello.host).await;
    let mut talk = upgraded.map_err(|Unshaken { trouble, fault }| Unopened {
        // Injected octets (`Garbage`) are an attack on the way; going on in clear is what the attacker wants.
        clear_may_work: !is_required && trouble.kind == TroubleKind::Tls,
        evidence: Evidence::Broken(trouble),
        tls_fault: Some(fault),
    })?;
    let offered = introduce(&mut talk, hello.ehlo).await?;
    Ok((talk, offered))
}

/// Most questions of one AUTH exchange; LOGIN asks two.
const CHALLENGES_MAX: usize = 3;

async fn log_in<W: Wire>(
    talk: &mut Talk<W>,
    offered: Capabilities,
    login: &Login,
) -> Result<(), Unopened> {
    let unable = |what: &str| Trouble::new(Stage::Auth, TroubleKind::Garbage, what);
    if talk.tls_name().is_none() && !login.in_clear {
        let what = "the login is not sent without TLS";
        return Err(Trouble::new(Stage::Auth, TroubleKind::Tls, what).into());
    }
    let mechanism = Mechanism::best(offered)
        .ok_or_else(|| unable("the host offers neither PLAIN nor LOGIN"))?;
    let mut line = login.command(mechanism);
    for _ in 0..=CHALLENGES_MAX {
        let words = line.ok_or_else(|| unable("the host asks something that we cannot answer"))?;
        let reply = talk.ask(Stage::Auth, words.as_bytes()).await?;
        if reply.code != 334 {
            accepted(reply)?;
            return Ok(());
        }
        line = login.answer(mechanism, &reply.text);
    }
    Err(unable("the host asks without end").into())
}
