//! A connection to one of a site's hosts, opened when the first letter needs it.
//!
//! Owns the session and its opening over the site's hosts and addresses. Promises: hosts go in the order of their
//! preference, each at all its addresses; a failed opportunistic handshake is followed by a try in clear. Says why no host
//! lets us in and leaves what that means for waiting letters to `worker`.

use std::{net::IpAddr, sync::Arc};

use super::{crew::Crew, site::Site};
use crate::{
    mail::{Evidence, HoldId, Stage, Trouble, TroubleKind},
    port::{Dial, Dice, Dns, HostAnswer, Watch, World},
    route,
    smtp::{Hello, Session, Tls, Unopened},
};

/// A session over the world's own kind of wire.
pub(super) type Wired<W> = Session<<<W as World>::Dial as Dial>::Wire>;

/// The way to one of a site's hosts, with the session over it when there is one.
pub(super) struct Connection<'a, W: World> {
    pub(super) crew: &'a Arc<Crew<W>>,
    pub(super) site: &'a Site,
    session: Option<Wired<W>>,
    /// The name of the source that the session comes from.
    source: String,
}

/// Why nothing was said about a letter to its receiver.
pub(super) enum Unsaid {
    /// What the last host of the site said instead of letting us in.
    NotLetIn(Evidence),
    /// The claim passed to another node while the letter waited.
    Lost,
    /// A person holds it back.
    Held(HoldId),
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
            source: String::new(),
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

    /// The open session, or why there is none. An engine that stops does not wait for a host to let it in.
    pub(super) async fn session(&mut self) -> Result<&mut Wired<W>, Unsaid> {
        if self
            .session
            .as_ref()
            .is_some_and(|session| !session.is_usable())
        {
            self.hang_up().await;
        }
        if self.session.is_none() {
            let opened = self.crew.stop.run_until_cancelled(self.open()).await;
            let opened = opened.ok_or(Unsaid::GiveBack)?;
            let (session, source) = opened.map_err(Unsaid::NotLetIn)?;
            (self.session, self.source) = (Some(session), source);
            self.site.session_opened();
        }
        self.session
            .as_mut()
            .ok_or_else(|| Unsaid::NotLetIn(broken(TroubleKind::Io, "no session")))
    }

    /// The name of the source that the session comes from.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Ends the session, politely if it still listens.
    pub(super) async fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.site.session_closed();
            session.quit().await;
        }
    }

    /// Tries hosts in the order of their preference, each at all its addresses (RFC 5321 §5.1).
    async fn open(&self) -> Result<(Wired<W>, String), Evidence> {
        let mut answers = Vec::new();
        let mut last = None;
        for host in self.site.way.hosts() {
            let answer = self.addresses(host).await;
            for remote in self.in_order(&answer) {
                match self.open_at(host, remote).await {
                    Ok(opened) => return Ok(opened),
                    Err(evidence) => last = Some(evidence),
                }
            }
            answers.push(answer);
        }
        Err(last.unwrap_or_else(|| Evidence::Unroutable(self.site.way.without_address(&answers))))
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
        route::addresses(found, family, dice)
    }

    async fn open_at(&self, host: &str, remote: IpAddr) -> Result<(Wired<W>, String), Evidence> {
        let tls = self.site.way.tls(&self.crew.desk.trust, self.crew.desk.tls);
        let opened = match self.open_with(host, remote, tls).await {
            Err(unopened) if unopened.clear_may_work => {
                self.open_with(host, remote, Tls::Off).await
            }
            opened => opened,
        };
        let session = opened.as_ref().ok().map(|(session, _)| session);
        let encryption = session.and_then(Session::tls);
        let provider = self.site.way.provider().name();
        self.crew
            .world
            .watch()
            .connected(provider, encryption, opened.is_ok());
        opened.map_err(|unopened| unopened.evidence)
    }

    async fn open_with(
        &self,
        host: &str,
        remote: IpAddr,
        tls: Tls,
    ) -> Result<(Wired<W>, String), Unopened> {
        let desk = &self.crew.desk;
        let dice = self.crew.world.dice().roll();
        let source = route::choose_source(&desk.sources, remote, None, dice)
            .ok_or_else(|| no_source(remote))?;
        let dial = self.dial(source.address, remote);
        let wire = tokio::time::timeout(desk.timeouts.connect, dial)
            .await
            .unwrap_or_else(|_| {
                let what = format!("{host} [{remote}] did not answer");
                Err(Trouble::new(Stage::Connect, TroubleKind::TimedOut, what))
            })?;
        let login = self.site.way.login();
        let (ehlo, login, timeouts) = (&source.ehlo, login.as_ref(), desk.timeouts);
        let hello = Hello {
            ehlo,
            host,
            remote,
            tls,
            login,
            timeouts,
        };
        let session = Session::open(wire, &hello).await?;
        Ok((session, source.name.clone()))
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

fn no_source(remote: IpAddr) -> Trouble {
    let what = format!("no source of ours can reach {remote}");
    Trouble::new(Stage::Connect, TroubleKind::Io, what)
}

fn broken(kind: TroubleKind, what: &str) -> Evidence {
    Evidence::Broken(Trouble::new(Stage::Connect, kind, what))
}
