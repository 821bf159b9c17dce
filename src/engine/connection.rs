//! One connection's life: it takes its site's letters one after another until none comes or it has carried enough.
//!
//! Owns the session, its opening over the site's hosts and addresses, and what a failure to open means for the letters
//! that wait. Promises: every letter taken is judged or put back; a panic inside one letter defers that letter and
//! hurts no other; after `stop` no further letter is taken. What happens to a single letter is `deliver`'s sentence.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tracing::error;

use super::{
    crew::Crew,
    deliver::{Unsaid, deliver},
    site::Site,
};
use crate::{
    mail::{Evidence, Stage, Trouble, TroubleKind},
    port::{Clock, Dial, Dice, Dns, HostAnswer, LeasedLetter, Watch, World},
    route,
    smtp::{Hello, Session, Tls, Unopened},
};

/// A session over the world's own kind of wire.
pub(super) type Wired<W> = Session<<<W as World>::Dial as Dial>::Wire>;

/// A connection to one of a site's hosts, opened when the first letter needs it.
pub(super) struct Connection<'a, W: World> {
    pub(super) crew: &'a Arc<Crew<W>>,
    pub(super) site: &'a Site,
    session: Option<Wired<W>>,
    /// The name of the source that the session comes from.
    source: String,
}

/// What became of one letter on this connection.
enum Turn {
    /// It was judged, given back, or is no longer ours; the next may come.
    Over,
    /// Nobody let us in, but other connections work: it waits for one of them.
    PutBack,
    /// Nobody answers at this site.
    Dead(Evidence),
}

/// Serves a site's letters until none comes in time; `true` when it was not let in while others were.
pub(super) async fn serve<W: World>(crew: &Arc<Crew<W>>, site: &Site) -> bool {
    let mut connection = Connection {
        crew,
        site,
        session: None,
        source: String::new(),
    };
    while let Some(letter) = connection.next().await {
        let turn = AssertUnwindSafe(connection.turn(&letter))
            .catch_unwind()
            .await;
        match turn {
            Ok(Turn::Over) => {}
            Ok(Turn::PutBack) => {
                site.put_back(letter);
                return true;
            }
            Ok(Turn::Dead(evidence)) => {
                connection.give_up(letter, &evidence);
                break;
            }
            Err(_) => connection.survive(&letter),
        }
    }
    connection.hang_up().await;
    false
}

impl<W: World> Connection<'_, W> {
    /// The next letter of the site, unless the engine stops or this connection has carried its share.
    async fn next(&mut self) -> Option<LeasedLetter> {
        let limits = &self.crew.desk.limits;
        let carried = self.session.as_ref().map_or(0, Wired::<W>::letters);
        if carried as usize >= limits.letters_per_connection {
            self.hang_up().await;
        }
        // Without a session there is nothing to keep warm.
        let patience = if self.session.is_some() {
            limits.keep_warm
        } else {
            std::time::Duration::ZERO
        };
        let next = self.crew.stop.run_until_cancelled(self.site.next(patience));
        next.await.flatten()
    }

    async fn turn(&mut self, letter: &LeasedLetter) -> Turn {
        match deliver(self, letter).await {
            Ok((evidence, record)) => self.crew.judge(letter, &evidence, record),
            Err(Unsaid::NotLetIn(_)) if self.site.sessions() > 0 => return Turn::PutBack,
            Err(Unsaid::NotLetIn(evidence)) => return Turn::Dead(evidence),
            Err(Unsaid::Lost) => self.crew.ledger.leave([(letter.lease, letter.id())]),
            Err(Unsaid::GiveBack) => self.crew.give_back(std::slice::from_ref(letter)).await,
        }
        Turn::Over
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

    /// Nobody answers: every letter that waits here shares the fate of the first, and the site is left alone a while.
    fn give_up(&self, first: LeasedLetter, evidence: &Evidence) {
        let now = self.crew.world.clock().now();
        let until = now.plus(self.crew.desk.limits.dead_site_pause);
        for letter in std::iter::once(first).chain(self.site.take_all()) {
            self.crew.ledger.pause(letter.lane, until);
            self.crew
                .judge(&letter, evidence, Some(self.site.unspoken()));
        }
    }

    /// A panic is our own fault, so the letter comes back later; the session is in an unknown state and is dropped.
    fn survive(&mut self, letter: &LeasedLetter) {
        error!(letter.id = %letter.id(), "A letter made its worker panic; it comes back later");
        if self.session.take().is_some() {
            self.site.session_closed();
        }
        self.crew.judge(
            letter,
            &broken(TroubleKind::Io, "an internal fault of ours"),
            None,
        );
    }
}

fn no_source(remote: IpAddr) -> Trouble {
    let what = format!("no source of ours can reach {remote}");
    Trouble::new(Stage::Connect, TroubleKind::Io, what)
}

fn broken(kind: TroubleKind, what: &str) -> Evidence {
    Evidence::Broken(Trouble::new(Stage::Connect, kind, what))
}
