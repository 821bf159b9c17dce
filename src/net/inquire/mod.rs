//! Asks the world what `check` wants to know.
//!
//! Owns [`Inquirer`]. Promises: every question ends within its time limit with an answer; nothing is sent but questions: the
//! talk at a door ends before any letter, and the one-click token that is tried belongs to nobody. Leaves the meaning of
//! answers to `check`.

mod clock;
mod dns;
mod door;
mod page;

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use rustls::RootCertStore;

use super::Resolver;
use crate::{
    check::{Answer, Door, Question},
    port::{Dns, HostAnswer},
};

/// What one of our own machines, or a web server before it, needs at most.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks.
pub struct Inquirer {
    /// DNS; it should not believe old answers.
    pub dns: Resolver,
    /// Whose certificates are believed.
    pub roots: RootCertStore,
    /// Sockets that stand for others: the small internet of tests.
    pub reroute: HashMap<SocketAddr, SocketAddr>,
}

impl Inquirer {
    /// Asks in the real world.
    pub fn new(dns: Resolver) -> Self {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let reroute = HashMap::new();
        Self {
            dns,
            roots,
            reroute,
        }
    }

    /// The answer to one question.
    pub async fn ask(&self, question: &Question) -> Answer {
        match question {
            Question::Door {
                at,
                genuine,
                forged,
            } => {
                let to = self.target(SocketAddr::new(*at, 25));
                let talk = door::knock(to, genuine, forged);
                let seen = tokio::time::timeout(PATIENCE, talk).await;
                Answer::Door(seen.unwrap_or_else(|_| Door::Silent("no answer in time".to_owned())))
            }
            Question::Get(url) => Answer::Page(self.page(url, None).await),
            Question::OneClick(url) => {
                Answer::Page(self.page(url, Some("List-Unsubscribe=One-Click")).await)
            }
            Question::Clock(server) => Answer::Clock(self.clock(server).await),
            other => Answer::Dns(dns::look_up(&self.dns, other).await),
        }
    }

    fn target(&self, at: SocketAddr) -> SocketAddr {
        self.reroute.get(&at).copied().unwrap_or(at)
    }

    /// The addresses of a host, with a port.
    async fn sockets(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse() {
            return Ok(vec![self.target(SocketAddr::new(address, port))]);
        }
        match self.dns.addresses(host).await {
            HostAnswer::Addresses(all) if all.is_empty() => Err(format!("{host} has no address")),
            HostAnswer::Addresses(all) => {
                let sockets = all
                    .into_iter()
                    .map(|address| SocketAddr::new(address, port));
                Ok(sockets.map(|at| self.target(at)).collect())
            }
            HostAnswer::NoSuchHost => Err(format!("{host} does not exist")),
            HostAnswer::Trouble(what) => Err(what),
        }
    }
}
