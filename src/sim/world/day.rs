//! The course of a world: hardship, healing, the end of all letters.
//!
//! Owns the running of a [`Setting`]. Promises: one thread, virtual time, every task ended before it returns; the same
//! setting gives the same facts. Leaves judging to `laws`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        error::SimError,
        plan::Plan,
        provider::{Books, Provider},
        tally::Ledger,
        verify::Inspector,
        witness::Witness,
    },
    book::{Book, Process},
    chance::Chance,
    clock::{NodeClock, WorldTime},
    desk::{self, GIVE_UP, Habits, LEASE, STREAMS},
    dial::{Exchange, MailHost},
    facts::Facts,
    life::Life,
    names::Zones,
    node::{Common, Node},
    post::{Parcel, Post, carry},
    setting::{Ban, Order, SILENT, Setting},
    store::MemStore,
    troubled::{Hand, Server, StoreLine},
};
use crate::engine::Limits;

/// Between two looks whether everything has come to its end.
const LOOK: Duration = Duration::from_millis(500);

/// After healing, letters have their time, claims of the dead theirs, and the last talks too.
const REST: Duration = Duration::from_secs(90);

/// The door for what comes back, as the story names it.
const DOOR: Process = Process { node: 0, number: 0 };

/// What is written back, on its way to the door.
type Parcels = UnboundedReceiver<Parcel>;

/// From morning to morning.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// Between two settings of a clock.
const CLOCK_HOLDS: Duration = Duration::from_secs(40);

/// How the world is run, besides its setting.
pub(super) struct Terms {
    /// The bounds that engines get.
    pub(super) limits: Limits,
    /// What else the operator has set.
    pub(super) habits: Habits,
    /// Whether receivers know our key.
    pub(super) is_key_published: bool,
    /// Who carries out the store's statements.
    pub(super) hand: Arc<dyn Hand>,
    /// Whether we take a forger's secret for one of ours.
    pub(super) is_gullible: bool,
}

impl Terms {
    /// As a world has to be.
    pub(super) fn usual() -> Self {
        Self {
            limits: desk::limits(),
            habits: Habits::default(),
            is_key_published: true,
            hand: Arc::new(()),
            is_gullible: false,
        }
    }
}

/// Runs a world to its end, on a runtime of its own: the caller must not be inside one.
pub(super) fn run(setting: &Setting, terms: Terms) -> Result<Facts, SimError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|source| SimError::socket("starting a runtime in virtual time", source))?;
    runtime.block_on(live(setting, terms))
}

async fn live(setting: &Setting, terms: Terms) -> Result<Facts, SimError> {
    let (limits, habits) = (terms.limits.clone(), terms.habits.clone());
    let ((common, parcels), stop) = (common(setting, terms)?, CancellationToken::new());
    let mut tasks = JoinSet::new();
    let mut clocks = Vec::new();
    for number in 0..setting.weather.nodes {
        let desk = Arc::new(desk::desk(number, limits.clone(), &habits)?);
        let node = Node::new(number, common.clone(), desk);
        clocks.push(node.clock.clone());
        tasks.spawn(node.serve(stop.clone()));
    }
    let mut hands = JoinSet::new();
    hands.spawn(carry(Arc::clone(&common.post), parcels));
    hands.spawn(order(setting.orders.clone(), common.clone()));
    hands.spawn(suppress(setting.bans.clone(), common.clone()));
    hands.spawn(set_clocks(setting.clone(), clocks.clone(), common.clone()));
    if let Some(day) = setting.day {
        hands.spawn(turn_days(day, clocks.clone(), common.clone()));
    }
    sleep(setting.weather.lasts).await;
    // Nobody goes back to days that are over.
    let off: &[NodeClock] = if setting.day.is_some() { &[] } else { &clocks };
    heal(&common, off);
    let rest = rest(setting, &common);
    rest.await;
    stop.cancel();
    while tasks.join_next().await.is_some() {}
    Facts::of(setting, &common)
}

/// From now on nothing goes wrong any more but what receivers are like.
fn heal(common: &Common, clocks: &[NodeClock]) {
    common.book.tell("the world heals");
    common.is_healed.store(true, Ordering::Relaxed);
    common.exchange.heal();
    common.zones.heal();
    for clock in clocks {
        clock.set(0);
    }
}

/// Waits until no letter is open and no mail is unread, or until all have had their time.
async fn rest(setting: &Setting, common: &Common) {
    let last = setting.orders.iter().map(|order| order.after).max();
    let end = Instant::now() + GIVE_UP + LEASE * 4 + REST;
    let open = || {
        let tables = common.server.store.tables();
        let rows = tables.letters.values();
        let meant = |domain: &str| setting.waits_for_silent || domain != SILENT;
        rows.filter(|row| {
            row.state.is_none() && meant(row.letter.to.mailbox.address.domain().as_str())
        })
        .count()
    };
    let coming = || common.post.under_way() + common.server.store.tables().unread();
    while Instant::now() < end
        && (open() + coming() > 0 || common.book.age() < last.unwrap_or_default())
    {
        sleep(LOOK).await;
    }
    if !setting.waits_for_silent {
        return;
    }
    // What is still on its way, such as a late statement or a late word, arrives.
    sleep(LEASE * 3).await;
}

async fn order(mut orders: Vec<Order>, common: Common) {
    let begun = Instant::now();
    orders.sort_by_key(|order| order.after);
    for Order {
        after,
        letter,
        priority,
    } in orders
    {
        sleep_until(begun + after).await;
        let (to, stream) = (letter.to.mailbox.address.clone(), letter.stream.clone());
        let is_taken = common.server.store.enqueue(letter, priority);
        let what = if is_taken {
            "is in the queue"
        } else {
            "is not taken: suppressed"
        };
        common
            .book
            .tell(format!("a {stream} letter to {to} {what}"));
    }
}

async fn suppress(mut bans: Vec<Ban>, common: Common) {
    let begun = Instant::now();
    bans.sort_by_key(|ban| ban.after);
    for Ban { after, entry } in bans {
        sleep_until(begun + after).await;
        let (address, scope) = (&entry.address, &entry.scope);
        common.book.tell(format!(
            "the operator suppresses {address} for {}",
            scope.name()
        ));
        common.book.banned(&entry, true);
        common.server.store.suppress(entry);
    }
}

/// Clocks that are off from the beginning, and then are set now and then.
async fn set_clocks(setting: Setting, clocks: Vec<NodeClock>, common: Common) {
    let chance = Chance::new(setting.seed, "clocks");
    let (jump, standing) = (setting.weather.clock_jump, setting.weather.clock_offset);
    for place in 0..clocks.len() {
        set_clock(&common, &clocks, place, off(&chance, standing));
    }
    while !jump.is_zero() {
        sleep(chance.span(Duration::ZERO, CLOCK_HOLDS)).await;
        if common.is_healed.load(Ordering::Relaxed) {
            return;
        }
        let place = chance.between(0, clocks.len() as u64);
        let offset = off(&chance, jump);
        set_clock(
            &common,
            &clocks,
            usize::try_from(place).unwrap_or(0),
            offset,
        );
    }
}

/// Brings each morning after so long.
async fn turn_days(lasts: Duration, clocks: Vec<NodeClock>, common: Common) {
    let (begun, night) = (Instant::now(), DAY.saturating_sub(lasts));
    for number in 1_u32.. {
        sleep_until(begun + lasts * number).await;
        if common.is_healed.load(Ordering::Relaxed) {
            return;
        }
        common.book.tell(format!("day {} begins", number + 1));
        let offset = i64::try_from((night * number).as_micros()).unwrap_or(0);
        for clock in &clocks {
            clock.set(offset);
        }
    }
}

/// So many microseconds, up to `width` either way.
fn off(chance: &Chance, width: Duration) -> i64 {
    let width = i64::try_from(width.as_micros()).unwrap_or(0);
    let point = chance.between(0, u64::try_from(width * 2).unwrap_or(0));
    i64::try_from(point).unwrap_or(0) - width
}

fn set_clock(common: &Common, clocks: &[NodeClock], place: usize, offset: i64) {
    if offset == 0 {
        return;
    }
    clocks[place].set(offset);
    let (node, millis) = (place + 1, offset / 1_000);
    common.book.tell(format!(
        "the clock of node {node} is set off by {millis} ms"
    ));
}

fn common(setting: &Setting, terms: Terms) -> Result<(Common, Parcels), SimError> {
    let time = WorldTime::begin();
    let (book, is_healed) = (Arc::new(Book::new(time)), Arc::new(AtomicBool::new(false)));
    let weather = &setting.weather;
    let chance = |purpose| Chance::new(setting.seed, purpose);
    let feedback = desk::feedback(terms.is_gullible)?;
    let server = Server {
        store: Arc::new(MemStore::new(
            STREAMS.map(|(name, kind)| (name.to_owned(), kind)),
        )),
        hand: terms.hand,
        book: Arc::clone(&book),
        chance: chance("store"),
        troubles: weather.store,
        is_healed: Arc::clone(&is_healed),
        late: Mutex::default(),
    };
    let server = Arc::new(server);
    let (out, parcels) = unbounded_channel();
    let post = Arc::new(Post {
        book: Arc::clone(&book),
        time,
        chance: chance("post"),
        mails: weather.mails,
        addresses: desk::feedback(false)?.addresses,
        door: StoreLine {
            server: Arc::clone(&server),
            process: DOOR,
            life: Arc::new(Life::until(u64::MAX)),
        },
        under_way: AtomicUsize::new(0),
        out,
    });
    let (hosts, addresses) = hosts(&setting.plan, &post, terms.is_key_published)?;
    let exchange = Exchange {
        hosts,
        chance: chance("wires"),
        wires: weather.wires,
        is_healed: AtomicBool::new(false),
        book: Arc::clone(&book),
        guests: Mutex::default(),
    };
    let (chance, texts) = (chance("names"), [desk::reporters_key()?].into());
    let zones = Zones::of(&setting.plan, addresses, texts, chance, weather.dns);
    let common = Common {
        seed: setting.seed,
        identity: desk::identity()?,
        time,
        book,
        server,
        post,
        feedback,
        exchange: Arc::new(exchange),
        zones: Arc::new(zones),
        is_healed,
        journal_troubled: weather.journal,
        ends: weather.ends,
    };
    Ok((common, parcels))
}

type Hosts = (BTreeMap<IpAddr, MailHost>, BTreeMap<String, Vec<IpAddr>>);

/// Every mail host at an address of its own (RFC 5737), with its provider behind it.
fn hosts(plan: &Plan, post: &Arc<Post>, is_key_published: bool) -> Result<Hosts, SimError> {
    let names = plan.providers.iter().map(|provider| provider.name.clone());
    let inspector = Inspector::new()?;
    if is_key_published {
        let record = desk::key_record()?;
        inspector.publish(&record.name, &record.text);
    }
    let witness: Arc<dyn Witness> = Arc::<Post>::clone(post);
    let books = Books {
        ledger: Arc::new(Ledger::new(names, false)),
        inspector: Arc::new(inspector),
        witness,
    };
    let (mut hosts, mut addresses) = (BTreeMap::new(), BTreeMap::new());
    for (place, planned) in (0..).zip(&plan.providers) {
        let provider = Provider::new(place, plan.seed, planned, plan.verify, books.clone());
        let provider = Arc::new(provider);
        for host in planned.sites.iter().flat_map(|site| &site.hosts) {
            let number = u8::try_from(hosts.len() + 1).map_err(|_| SimError::TooManyHosts {
                max: usize::from(u8::MAX),
            })?;
            let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, number));
            let mail_host = MailHost {
                name: host.name.clone(),
                site: planned.name.clone(),
                health: host.health,
                provider: Arc::clone(&provider),
            };
            hosts.insert(address, mail_host);
            addresses.insert(host.name.clone(), vec![address]);
        }
    }
    Ok((hosts, addresses))
}
