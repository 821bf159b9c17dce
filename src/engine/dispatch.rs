//! Brings leased letters to the connections of their site.
//!
//! Owns the routes known right now, the sites with their connections, and every task behind them. Promises: DNS is
//! asked once for all letters of a domain; a domain whose answer is slow keeps no other waiting; every letter taken
//! ends in a verdict or goes back to the store; no task outlives [`Dispatch::drain`].

use std::{
    collections::HashMap,
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;
use tracing::error;

use super::{connection, crew::Crew, site::Site};
use crate::{
    mail::{Domain, Evidence, LetterId, Timestamp, Unroutable},
    port::{Clock, Dice, Dns, LeasedLetter, Store, World},
    route::{self, Plan},
};

/// A route is asked for again after this; the resolver's own cache below obeys the records' TTL.
const ROUTE_FRESH: Duration = Duration::from_secs(60);

/// Routes remembered; beyond it the stale ones are forgotten.
const ROUTES_MAX: usize = 50_000;

/// Letters on their way to connections.
pub(super) struct Dispatch<W: World> {
    crew: Arc<Crew<W>>,
    routes: HashMap<Domain, Route>,
    sites: HashMap<String, Arc<Site>>,
    tasks: JoinSet<Done>,
}

/// What is known of the way to a domain.
enum Route {
    /// DNS is being asked; these letters wait for the answer.
    Asked(Vec<LeasedLetter>),
    /// The site, to be asked for again after `until`.
    Known { site: Arc<Site>, until: Timestamp },
}

/// A finished task.
enum Done {
    Routed { domain: Domain, plan: Result<Plan, Unroutable> },
    HungUp { site: Arc<Site> },
}

impl<W: World> Dispatch<W> {
    pub(super) fn new(crew: Arc<Crew<W>>) -> Self {
        Self { crew, routes: HashMap::new(), sites: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Takes letters just leased: the unsendable are judged at once, the others go to their site.
    pub(super) fn take(&mut self, letters: Vec<LeasedLetter>) {
        let now = self.crew.world.clock().now();
        let mut by_site: HashMap<String, (Arc<Site>, Vec<LeasedLetter>)> = HashMap::new();
        for letter in letters {
            if let Some(evidence) = self.crew.turn_away(&letter, now) {
                self.crew.judge(&letter, evidence, None);
                continue;
            }
            if let Some((site, letter)) = self.route(letter, now) {
                let name = site.plan.site.to_string();
                by_site.entry(name).or_insert_with(|| (site, Vec::new())).1.push(letter);
            }
        }
        for (site, letters) in by_site.into_values() {
            self.deliver(&site, letters);
        }
    }

    /// The site of a letter; a letter whose domain is unknown stays with the question put to DNS.
    fn route(&mut self, letter: LeasedLetter, now: Timestamp) -> Option<(Arc<Site>, LeasedLetter)> {
        let domain = letter.letter.as_ref().ok()?.to.mailbox.address.domain().clone();
        match self.routes.get_mut(&domain) {
            Some(Route::Known { site, until }) if *until > now => {
                return Some((Arc::clone(site), letter));
            }
            Some(Route::Asked(waiting)) => waiting.push(letter),
            _ => self.ask(domain, letter),
        }
        None
    }

    fn ask(&mut self, domain: Domain, letter: LeasedLetter) {
        self.routes.insert(domain.clone(), Route::Asked(vec![letter]));
        let crew = Arc::clone(&self.crew);
        self.tasks.spawn(async move {
            let answer = crew.world.dns().mx(&domain).await;
            let plan = route::plan(&domain, &answer, crew.world.dice().roll());
            Done::Routed { domain, plan }
        });
    }

    fn routed(&mut self, domain: Domain, plan: Result<Plan, Unroutable>) {
        let Some(Route::Asked(letters)) = self.routes.remove(&domain) else { return };
        match plan {
            Ok(plan) => {
                let site = self.site(plan);
                let until = self.crew.world.clock().now().plus(ROUTE_FRESH);
                self.remember(domain, Route::Known { site: Arc::clone(&site), until });
                self.deliver(&site, letters);
            }
            Err(why) => {
                for letter in letters {
                    self.crew.judge(&letter, Evidence::Unroutable(why.clone()), None);
                }
            }
        }
    }

    fn remember(&mut self, domain: Domain, route: Route) {
        if self.routes.len() >= ROUTES_MAX {
            let now = self.crew.world.clock().now();
            self.routes.retain(|_, route| match route {
                Route::Asked(_) => true,
                Route::Known { until, .. } => *until > now,
            });
        }
        self.routes.insert(domain, route);
    }

    /// The site with these hosts: all domains they serve share its connections.
    fn site(&mut self, plan: Plan) -> Arc<Site> {
        let name = plan.site.to_string();
        let known = self.sites.entry(name).or_insert_with(|| Arc::new(Site::new(plan)));
        Arc::clone(known)
    }

    fn deliver(&mut self, site: &Arc<Site>, letters: Vec<LeasedLetter>) {
        site.put(letters);
        self.connect(site);
    }

    /// Opens as many connections as the waiting letters are worth.
    fn connect(&mut self, site: &Arc<Site>) {
        while site.may_connect(self.crew.desk.limits.connections_per_site) {
            let (crew, site) = (Arc::clone(&self.crew), Arc::clone(site));
            self.tasks.spawn(async move {
                connection::serve(&crew, &site).await;
                Done::HungUp { site }
            });
        }
    }

    /// Waits for a task to finish and serves it; for ever when none runs.
    pub(super) async fn finished(&mut self) {
        match self.tasks.join_next().await {
            Some(done) => self.serve(done),
            None => std::future::pending().await,
        }
    }

    /// Serves the tasks that have finished already.
    pub(super) fn serve_finished(&mut self) {
        while let Some(done) = self.tasks.try_join_next() {
            self.serve(done);
        }
    }

    fn serve(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Routed { domain, plan }) => self.routed(domain, plan),
            Ok(Done::HungUp { site }) => self.hung_up(&site),
            // A connection catches the panics of its letters; what falls through here is a fault of the engine, and
            // the letters concerned return when their leases end.
            Err(fault) => error!(error = %fault, "A delivery task died"),
        }
    }

    fn hung_up(&mut self, site: &Arc<Site>) {
        site.disconnected();
        self.connect(site);
        if site.is_quiet() {
            let name = site.plan.site.to_string();
            if self.sites.get(&name).is_some_and(|known| Arc::ptr_eq(known, site)) {
                self.sites.remove(&name);
            }
            self.routes.retain(|_, route| {
                !matches!(route, Route::Known { site: known, .. } if Arc::ptr_eq(known, site))
            });
        }
    }

    /// Gives back what was not handed to a receiver, lets connections finish their letter, and waits for all.
    pub(super) async fn drain(mut self) {
        let mut unsent: Vec<LeasedLetter> =
            self.sites.values().flat_map(|site| site.take_all()).collect();
        for (_, route) in self.routes.drain() {
            if let Route::Asked(letters) = route {
                unsent.extend(letters);
            }
        }
        self.give_back(unsent).await;
        while self.tasks.join_next().await.is_some() {}
    }

    async fn give_back(&self, letters: Vec<LeasedLetter>) {
        let ids: Vec<LetterId> = letters.iter().map(LeasedLetter::id).collect();
        let held = letters.iter().map(|letter| (letter.lease, letter.shard(), letter.id()));
        let now = self.crew.world.clock().now();
        if let Err(trouble) = self.crew.world.store().release(held.collect(), now).await {
            error!(error = ?trouble, count = ids.len(), "Letters return when their leases end");
        }
        self.crew.ledger.leave(ids);
    }
}
