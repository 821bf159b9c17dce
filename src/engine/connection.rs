//! A connection to one of a site's hosts, opened when the first letter needs it.
//!
//! Owns the session and its opening over the site's hosts and addresses. Promises: hosts go in the order of their
//! preference, each at all its addresses; a failed opportunistic handshake is followed by a try in clear. Says why no host
//! lets us in and leaves what that means for waiting letters to `worker`.

use std::{net::IpAddr, sync::Arc};

use super::{
    crew::Crew,
    pace::Path,
    site::Site,
    tls::{self, Wanted},
};
use crate::{
    mail::{Aside, Domain, Evidence, ResultType, Stage, Trouble, TroubleKind},
    port::{Clock, Dial, Dice, Dns, HostAnswer, Watch, World},
    route::{self, TlsPolicy},
    smtp::{Hello, Session, Tls, Unopened},
    tls::{Demand, StsMode, dane},
};

/// A session over the world's own kind of wire.
pub(super) type Wired<W> = Session<<<W as World>::Dial as Dial>::Wire>;

/// The way to one of a site's hosts, with the session over it when there is one.
pub(super) struct Connection<'a, W: World> {
    pub(super) crew: &'a Arc<Crew<W>>,
    pub(super) site: &'a Site,
    session: Option<Wired<W>>,
    /// Whether the session's host has proved its name.
    is_proved: bool,
}

/// Why nothing was said about a letter to its receiver.
pub(super) enum Unsaid {
    /// What the last host of the site said instead of letting us in.
    NotLetIn(Evidence),
    /// The claim passed to another node while the letter waited.
    Lost,
    /// Its connection is one too many by now: it goes back to the store, and the connection ends.
    OneTooMany,
    /// A person holds it back, or its reader is left alone now.
    Aside(Aside),
    /// Its recipient may have been suppressed meanwhile, its claim ran out, its final dot could not be noted, or the engine
    /// stops: it goes back to the store.
    GiveBack,
}

impl<'a, W: World> Connection<'a, W> {
    /// Not open yet.
    pub(super) const fn new(crew: &'a Arc<Crew<W>>, site: &'a Site) -> Self {
        Self {
            crew,
            site,
            session: None,
            is_proved: false,
        }
    }

    /// Letters carried by the open session; `None` without one.
    pub(super) fn carried(&self) -> Option<u32> {
        self.session.as_ref().map(Session::letters)
    }

    /// Drops a session of which nobody knows where it stands.
    pub(super) fn abandon(&mut self) {
        if self.session.take().is_some() {
            self.site.session_closed();
        }
    }

    /// The open session, or why there is none; one that is not secure enough for a letter to that domain is closed first. An
    /// engine that stops does not wait for a host to let it in.
    pub(super) async fn session(&mut self, domain: &Domain) -> Result<&mut Wired<W>, Unsaid> {
        let session = self.session.as_ref();
        if session.is_some_and(|session| !session.is_usable() || !self.suits(session, domain)) {
            self.hang_up().await;
        }
        if self.session.is_none() {
            let opening = self.crew.pace.opening(&self.site.path, self.crew.moment());
            if self.crew.stop.run_until_cancelled(opening).await != Some(true) {
                return Err(Unsaid::GiveBack);
            }
            let opened = self.crew.stop.run_until_cancelled(self.open(domain)).await;
            let opened = opened.ok_or(Unsaid::GiveBack)?;
            let (session, is_proved) = opened.map_err(Unsaid::NotLetIn)?;
            (self.session, self.is_proved) = (Some(session), is_proved);
            self.site.session_opened();
        }
        self.session
            .as_mut()
            .ok_or_else(|| Unsaid::NotLetIn(broken(TroubleKind::Io, "no session")))
    }

    /// The name of the source that the session comes from.
    pub(super) fn source(&self) -> &str {
        &self.site.path.source.name
    }

    /// Ends the session, politely if it still listens.
    pub(super) async fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.site.session_closed();
            session.quit().await;
        }
    }

    /// Whether a letter to that domain may go over the session: where its policy is enforced, the host has proved its name and
    /// the policy names it.
    fn suits(&self, session: &Wired<W>, domain: &Domain) -> bool {
        let now = self.crew.world.clock().now();
        let policy = self
            .site
            .way
            .is_public()
            .then(|| self.crew.secured.policy(domain, now));
        policy.flatten().is_none_or(|policy| {
            policy.mode != StsMode::Enforce || (self.is_proved && policy.names(session.host()))
        })
    }

    /// Tries hosts in the order of their preference, each at all its addresses (RFC 5321 §5.1); those that nobody reached a
    /// moment ago come last. Tells also whether the host has proved its name.
    async fn open(&self, domain: &Domain) -> Result<(Wired<W>, bool), Evidence> {
        let mut answers = Vec::new();
        let mut last = None;
        let now = self.crew.world.clock().now();
        for host in self.site.in_order(now) {
            let answer = self.addresses(host).await;
            let wanted = self.wanted(domain, host).await;
            for remote in self.in_order(&answer) {
                match self.open_at(domain, host, remote, &wanted).await {
                    Ok(session) => return Ok((session, wanted.proves())),
                    Err(evidence) => last = Some(evidence),
                }
            }
            if last.as_ref().is_some_and(is_unreached) {
                let until = now.plus(self.crew.desk.limits.dead_site_pause);
                self.site.note_dead(host, until);
            }
            answers.push(answer);
        }
        Err(last.unwrap_or_else(|| Evidence::Unroutable(self.site.way.without_address(&answers))))
    }

    /// What the session must be.
    async fn wanted(&self, domain: &Domain, host: &str) -> Wanted {
        let usual = demanded(self.crew.desk.tls, &self.site.path);
        let usual = self.site.way.tls(usual);
        if self.site.way.is_public() {
            tls::wanted(self.crew, usual, domain, host).await
        } else {
            Wanted::usual(usual)
        }
    }

    async fn addresses(&self, host: &str) -> HostAnswer {
        // Only a fixed route names an address.
        match host.parse() {
            Ok(address) => HostAnswer::Addresses(vec![address]),
            Err(_) => self.crew.world.dns().addresses(host).await,
        }
    }

    fn in_order(&self, answer: &HostAnswer) -> Vec<IpAddr> {
        let HostAnswer::Addresses(found) = answer else {
            return Vec::new();
        };
        // The host of a fixed route may lie inside this machine.
        if self.site.way.port().is_some() {
            return found.clone();
        }
        let (family, dice) = (self.crew.desk.family, self.crew.world.dice().roll());
        let mut found = route::addresses(found, family, dice);
        // An address of the other IP version is no address for this source, unless there is no better one.
        if found
            .iter()
            .any(|remote| self.site.path.source.reaches(*remote))
        {
            found.retain(|remote| self.site.path.source.reaches(*remote));
        }
        found
    }

    async fn open_at(
        &self,
        domain: &Domain,
        host: &str,
        remote: IpAddr,
        wanted: &Wanted,
    ) -> Result<Wired<W>, Evidence> {
        let opened = match self.tls(host, &wanted.demand) {
            Ok(tls) => self.open_secured(host, remote, tls).await,
            Err(fault) => Err(ruled_out(host, fault)),
        };
        if self.site.way.is_public() {
            tls::told(self.crew, domain, host, wanted, &opened);
        }
        let session = opened.as_ref().ok().map(|(session, _)| session);
        let encryption = session.and_then(Session::tls);
        let provider = self.site.way.provider().name();
        self.crew
            .world
            .watch()
            .connected(provider, encryption, opened.is_ok());
        let opened = opened.map_err(|unopened| unopened.evidence);
        opened.map(|(session, _)| session)
    }

    /// TLS as demanded, or why the host is ruled out.
    fn tls(&self, host: &str, demand: &Demand) -> Result<Tls, ResultType> {
        let trust = &self.crew.desk.trust;
        let now = self.crew.world.clock().now();
        match demand {
            Demand::Usual(usual) | Demand::Watched(usual, _) => match trust.tls(*usual) {
                // It would only fail again, and cost a connection.
                Tls::Opportunistic(_) if self.crew.secured.is_broken(host, now) => Ok(Tls::Off),
                tls => Ok(tls),
            },
            Demand::Verified => Ok(Tls::Required(Arc::clone(&trust.public_roots))),
            Demand::Dane(records) => match dane::config(records.clone()) {
                Ok(config) => Ok(Tls::Required(config)),
                Err(_) => Err(ResultType::TlsaInvalid),
            },
            Demand::Skip(fault) => Err(*fault),
        }
    }

    /// The session, and the fault of a handshake that failed before it came to be in clear.
    async fn open_secured(
        &self,
        host: &str,
        remote: IpAddr,
        tls: Tls,
    ) -> Result<(Wired<W>, Option<ResultType>), Unopened> {
        match self.open_with(host, remote, tls).await {
            Err(unopened) if unopened.clear_may_work => {
                let now = self.crew.world.clock().now();
                self.crew.secured.note_broken(host, now);
                let session = self.open_with(host, remote, Tls::Off).await?;
                Ok((session, unopened.tls_fault))
            }
            opened => opened.map(|session| (session, None)),
        }
    }

    async fn open_with(&self, host: &str, remote: IpAddr, tls: Tls) -> Result<Wired<W>, Unopened> {
        let desk = &self.crew.desk;
        let source = &self.site.path.source;
        if !source.reaches(remote) {
            return Err(no_source(&source.name, remote).into());
        }
        let dial = self.dial(source.address, remote);
        let wire = tokio::time::timeout(desk.timeouts.connect, dial)
            .await
            .unwrap_or_else(|_| {
                let what = format!("{host} [{remote}] did not answer");
                Err(Trouble::new(Stage::Connect, TroubleKind::TimedOut, what))
            })?;
        let login = self.site.way.login();
        let (ehlo, login, timeouts) = (&source.ehlo, login.as_ref(), desk.timeouts);
        let chunking = desk.chunking && self.site.takes_chunks();
        let hello = Hello {
            ehlo,
            host,
            remote,
            tls,
            login,
            chunking,
            timeouts,
        };
        Session::open(wire, &hello).await
    }

    async fn dial(
        &self,
        from: Option<IpAddr>,
        to: IpAddr,
    ) -> Result<<W::Dial as Dial>::Wire, Trouble> {
        match self.site.way.port() {
            Some(port) => self.crew.world.dial().dial_at(from, to, port).await,
            None => self.crew.world.dial().dial(from, to).await,
        }
    }
}

/// Also when its worker dies: a session that nobody holds must not count as one that lets letters in.
impl<W: World> Drop for Connection<'_, W> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// A profile may demand TLS where it is offered to everybody else.
fn demanded(usual: TlsPolicy, path: &Path) -> TlsPolicy {
    match usual {
        TlsPolicy::Opportunistic if path.demands_tls() => TlsPolicy::Required,
        usual => usual,
    }
}

fn no_source(source: &str, remote: IpAddr) -> Trouble {
    let what = format!("the source {source} speaks another IP version than {remote}");
    Trouble::new(Stage::Connect, TroubleKind::Io, what)
}

/// Not a refusal of the letter: the domain may mend its policy, or its host, within hours.
fn ruled_out(host: &str, fault: ResultType) -> Unopened {
    let what = format!("a policy of the domain rules out {host}: {}", fault.name());
    Unopened {
        tls_fault: Some(fault),
        ..Trouble::new(Stage::StartTls, TroubleKind::Tls, what).into()
    }
}

/// Whether nobody was reached: then the host is left alone for a while.
fn is_unreached(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Broken(trouble) if trouble.stage == Stage::Connect)
}

fn broken(kind: TroubleKind, what: &str) -> Evidence {
    Evidence::Broken(Trouble::new(Stage::Connect, kind, what))
}
