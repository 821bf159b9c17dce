//! Brings leased letters to the connections of their site.
//!
//! Owns the routes known right now, the sites with their connections, and every task behind them. Promises: DNS is
//! asked once for all letters of a domain; a domain whose answer is slow keeps no other waiting; every letter taken
//! ends in a verdict or goes back to the store, also when a task behind it panics; no task outlives [`Dispatch::drain`].

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::join};
use tokio::task::JoinSet;
use tracing::error;

use self::source::Chosen;
use super::{
    crew::{Crew, turn_away},
    place::Place,
    site::Site,
    tls,
    way::Way,
    worker,
};
use crate::{
    mail::{Aside, Domain, Evidence, Timestamp, Unroutable},
    port::{Clock, Dice, Dns, LeasedLetter, World},
    route,
};

/// A route is asked for again after this; the resolver's own cache below obeys the records' TTL.
const ROUTE_FRESH: Duration = Duration::from_mins(1);

/// Routes remembered; beyond it the stale ones are forgotten.
const ROUTES_MAX: usize = 50_000;

/// A site's name and a source's.
type SiteKey = (String, String);

/// Letters on their way to connections.
pub(super) struct Dispatch<W: World> {
    crew: Arc<Crew<W>>,
    routes: HashMap<Domain, Route>,
    places: HashMap<String, Arc<Place>>,
    /// By site and source.
    sites: BTreeMap<SiteKey, Arc<Site>>,
    tasks: JoinSet<Done>,
}

/// What is known of the way to a domain.
enum Route {
    /// DNS is being asked; these letters wait for the answer.
    Asked(Vec<LeasedLetter>),
    /// The site, to be asked for again after `until`.
    Known { place: Arc<Place>, until: Timestamp },
}

/// A finished task.
enum Done {
    Routed {
        domain: Domain,
        way: Result<Way, Unroutable>,
    },
    /// Letters went back, or the engine stopped before DNS answered.
    Nothing,
    HungUp {
        site: Arc<Site>,
        ending: Ending,
    },
}

/// How a worker came to its end.
enum Ending {
    /// No letter came in time.
    Idle,
    /// It was not let in while others were.
    PutBack,
    /// It panicked outside a letter's turn.
    Died,
}

impl<W: World> Dispatch<W> {
    pub(super) fn new(crew: Arc<Crew<W>>) -> Self {
        Self {
            crew,
            routes: HashMap::new(),
            places: HashMap::new(),
            sites: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Takes letters just leased: the unsendable are judged at once, the others go to their site.
    pub(super) fn take(&mut self, letters: Vec<LeasedLetter>) {
        let now = self.crew.world.clock().now();
        let mut routed = Vec::with_capacity(letters.len());
        for letter in letters {
            if let Some(evidence) = turn_away(&letter, now) {
                self.crew.judge(&letter, &evidence, None);
            } else if let Some(aside) = self.crew.aside(&letter) {
                self.crew.holds.park(&letter, aside);
            } else if let Some(found) = self.route(letter, now) {
                routed.push(found);
            }
        }
        self.bring(routed);
    }

    /// Brings letters to a source towards their site; those that no source may take now go back.
    fn bring(&mut self, letters: Vec<(Arc<Place>, LeasedLetter)>) {
        let moment = self.crew.moment();
        // In the order of their names, so that the same letters take the same course wherever the engine runs.
        let mut by_site: BTreeMap<SiteKey, (Arc<Site>, Vec<LeasedLetter>)> = BTreeMap::new();
        let mut waiting = Vec::new();
        for (place, letter) in letters {
            match self.site(&place, &letter, moment) {
                Chosen::Site(key, site) => by_site
                    .entry(key)
                    .or_insert_with(|| (site, Vec::new()))
                    .1
                    .push(letter),
                Chosen::Later => waiting.push(letter),
                Chosen::Held(hold) => self.crew.holds.park(&letter, Aside::Hold(hold)),
            }
        }
        for (site, letters) in by_site.into_values() {
            self.deliver(&site, letters);
        }
        for lane in waiting
            .iter()
            .map(|letter| letter.lane)
            .collect::<BTreeSet<_>>()
        {
            self.crew.pace.overflowed(lane, moment.instant);
        }
        self.crew.give_back(&waiting);
    }

    /// The place of a letter; a letter whose domain is unknown stays with the question put to DNS.
    fn route(
        &mut self,
        letter: LeasedLetter,
        now: Timestamp,
    ) -> Option<(Arc<Place>, LeasedLetter)> {
        let domain = letter
            .letter
            .as_ref()
            .ok()?
            .to
            .mailbox
            .address
            .domain()
            .clone();
        match self.routes.get_mut(&domain) {
            Some(Route::Known { place, until }) if *until > now => {
                return Some((Arc::clone(place), letter));
            }
            Some(Route::Asked(waiting)) => waiting.push(letter),
            _ => match self.crew.desk.fixed.find(&domain).cloned() {
                Some(fixed) => return Some((self.know(domain, Way::Fixed(fixed)), letter)),
                None => self.ask(domain, letter),
            },
        }
        None
    }

    fn ask(&mut self, domain: Domain, letter: LeasedLetter) {
        self.routes
            .insert(domain.clone(), Route::Asked(vec![letter]));
        let crew = Arc::clone(&self.crew);
        self.tasks.spawn(async move {
            let question = AssertUnwindSafe(find_way(&crew, &domain)).catch_unwind();
            match crew.stop.run_until_cancelled(question).await {
                Some(Ok(way)) => Done::Routed { domain, way },
                Some(Err(_)) => {
                    error!("A question to DNS panicked; its letters come back later");
                    let way = Err(Unroutable::DnsTrouble(
                        "an internal fault of ours".to_owned(),
                    ));
                    Done::Routed { domain, way }
                }
                None => Done::Nothing,
            }
        });
    }

    fn routed(&mut self, domain: Domain, way: Result<Way, Unroutable>) {
        let Some(Route::Asked(letters)) = self.routes.remove(&domain) else {
            return;
        };
        match way {
            Ok(way) => {
                let place = self.know(domain, way);
                self.bring(
                    letters
                        .into_iter()
                        .map(|letter| (Arc::clone(&place), letter))
                        .collect(),
                );
            }
            Err(why) => {
                for letter in letters {
                    self.crew
                        .judge(&letter, &Evidence::Unroutable(why.clone()), None);
                }
            }
        }
    }

    /// Remembers the way to a domain and gives its place: all domains with the same hosts share one.
    fn know(&mut self, domain: Domain, way: Way) -> Arc<Place> {
        let counts = self
            .crew
            .desk
            .shaping
            .get()
            .counts([way.best_host()], way.site().as_str());
        let place = Arc::new(Place::new(way, counts));
        let known = self
            .places
            .entry(place.name.clone())
            .or_insert_with(|| Arc::clone(&place));
        // The operator has changed the profiles meanwhile.
        if known.counts != place.counts {
            *known = place;
        }
        let place = Arc::clone(known);
        let until = self.crew.world.clock().now().plus(ROUTE_FRESH);
        let route = Route::Known {
            place: Arc::clone(&place),
            until,
        };
        self.remember(domain, route);
        place
    }

    fn remember(&mut self, domain: Domain, route: Route) {
        if self.routes.len() >= ROUTES_MAX {
            let now = self.crew.world.clock().now();
            self.routes.retain(|_, route| match route {
                Route::Asked(_) => true,
                Route::Known { until, .. } => *until > now,
            });
            self.sites
                .retain(|_, site| !site.is_quiet() || Arc::strong_count(site) > 1);
            self.places.retain(|_, place| Arc::strong_count(place) > 1);
        }
        self.routes.insert(domain, route);
    }

    fn deliver(&mut self, site: &Arc<Site>, mut letters: Vec<LeasedLetter>) {
        let (crew, provider) = (&self.crew, site.way.provider());
        letters.retain(|letter| {
            let aside = crew.hold_on_way(letter, &site.name, provider);
            aside.map(|aside| crew.holds.park(letter, aside)).is_none()
        });
        // More than a site may hold come only while its lanes are not known yet: from now on they are left alone.
        let fit = self.crew.ledger.routed(&letters, &site.name, &site.path);
        let too_many = letters.split_off(fit);
        site.put(letters);
        self.crew.give_back(&too_many);
        self.connect(site);
    }

    /// Opens as many connections as the waiting letters are worth.
    fn connect(&mut self, site: &Arc<Site>) {
        let most = self.crew.desk.limits.connections_per_site;
        while site.wants_connection(most) && site.path.permit(self.crew.moment()) {
            site.connected();
            let (crew, site) = (Arc::clone(&self.crew), Arc::clone(site));
            self.tasks.spawn(async move {
                let work = AssertUnwindSafe(worker::serve(&crew, &site)).catch_unwind();
                let ending = match work.await {
                    Ok(false) => Ending::Idle,
                    Ok(true) => Ending::PutBack,
                    Err(_) => Ending::Died,
                };
                Done::HungUp { site, ending }
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
            Ok(Done::Routed { domain, way }) => self.routed(domain, way),
            Ok(Done::Nothing) => {}
            Ok(Done::HungUp { site, ending }) => self.hung_up(&site, &ending),
            // Every task catches its own panics, and its letters are in a grip.
            Err(fault) => error!(error = %fault, "A delivery task died"),
        }
    }

    fn hung_up(&mut self, site: &Arc<Site>, ending: &Ending) {
        site.disconnected();
        site.path.give_back_permit();
        match ending {
            Ending::Idle => {
                self.connect(site);
                self.pass_on(site);
            }
            // A host that lets in no more connections than it has is not asked again for the same letters.
            Ending::PutBack => {}
            // Its line goes back, so that a fault that comes again at once cannot spin here.
            Ending::Died => {
                error!(site = %site.name, "A worker died between letters; its site's line goes back");
                self.crew.give_back(&site.take_all());
            }
        }
    }

    /// Gives back what was not handed to a receiver, lets connections finish their letter, and waits for all.
    pub(super) async fn drain(mut self) {
        let unsent = self.unsent();
        self.crew.give_back(&unsent);
        while self.tasks.join_next().await.is_some() {}
        // Connections that were not let in put their letter back into the line.
        let unsent = self.unsent();
        self.crew.give_back(&unsent);
    }

    /// Every letter that waits for a connection or for DNS.
    fn unsent(&mut self) -> Vec<LeasedLetter> {
        let lines = self.sites.values().flat_map(|site| site.take_all());
        let mut unsent: Vec<LeasedLetter> = lines.collect();
        for (_, route) in self.routes.drain() {
            if let Route::Asked(letters) = route {
                unsent.extend(letters);
            }
        }
        unsent
    }
}

/// Asks DNS for the way to a domain.
async fn find_way<W: World>(crew: &Crew<W>, domain: &Domain) -> Result<Way, Unroutable> {
    let (answer, ()) = join(crew.world.dns().mx(domain), tls::learn(crew, domain)).await;
    let plan = route::plan(domain, &answer, crew.world.dice().roll());
    plan.map(Way::Mx)
}

mod source;
mod stuck;
