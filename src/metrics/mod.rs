//! Every number that Postrider shows to Prometheus, in one file.
//!
//! Owns names, help and labels. Promises: each metric is named here once, with its unit in its name; a label takes its
//! values from a closed set (provider, class, state, door, …), never a domain or an address, because methods take
//! those types and not text. Counters are per process and start at zero; what is in the queue is sampled from the store.
//! Leaves serving them to `http`.

use std::time::Duration;

use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

use crate::mail::{
    BrakeLevel, Class, InDoubt, Measure, PolicyType, Provider, Reason, ResultType, State,
};

mod check;
mod inbound;
mod labels;

pub use labels::{Answer, Door, Outcome, Place, tls_name};

/// From one letter to the largest batch.
const LETTERS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
/// From one statement on a warm cache to a database in trouble.
const STORE_SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
/// From a neighbour to RFC 5321's ten minutes after the final dot (§4.5.3.2.6).
const TALK_SECONDS: [f64; 11] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0];

/// The metrics of one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    letters_enqueued: IntCounterVec,
    enqueue_seconds: HistogramVec,
    attempts: IntCounterVec,
    letters_deferred: IntCounterVec,
    letters_in_doubt: IntCounterVec,
    letters_finished: IntCounterVec,
    suppressions: IntCounterVec,
    sessions_opened: IntCounterVec,
    sessions_secured: IntCounterVec,
    prepare_seconds: Histogram,
    talk_seconds: HistogramVec,
    letters_in_flight: IntGauge,
    queue_letters: IntGaugeVec,
    queue_oldest_due_seconds: Gauge,
    lease_letters: Histogram,
    lease_seconds: Histogram,
    leases_lost: IntCounter,
    settle_letters: Histogram,
    settle_seconds: Histogram,
    settle_lag_seconds: Histogram,
    brakes: IntCounterVec,
    store_failures: IntCounter,
    inbound: inbound::Inbound,
    check: check::Check,
}

impl Metrics {
    /// Registers every metric; fails when the registry has one of these names already.
    #[expect(
        clippy::too_many_lines,
        reason = "one paragraph a metric, each read alone"
    )]
    pub fn new(registry: &Registry) -> Result<Self, Error> {
        let at = Register(registry);
        Ok(Self {
            registry: registry.clone(),
            letters_enqueued: at.counters(
                "postrider_letters_enqueued_total",
                "Letters offered for sending, by the door they came through and the answer they got.",
                &["door", "answer"],
            )?,
            enqueue_seconds: at.histograms(
                "postrider_enqueue_request_duration_seconds",
                "Time from the last byte of an enqueue request to its answer, by door.",
                &["door"],
                &STORE_SECONDS,
            )?,
            attempts: at.counters(
                "postrider_attempts_total",
                "Attempts to hand a letter over, by provider and outcome: `delivered`, `unclassified`, or the class of the refusal.",
                &["provider", "outcome"],
            )?,
            letters_deferred: at.counters(
                "postrider_letters_deferred_total",
                "Times a letter went back to the queue for a later attempt, by provider and outcome of the attempt.",
                &["provider", "outcome"],
            )?,
            letters_in_doubt: at.counters(
                "postrider_letters_in_doubt_total",
                "Times nobody knew whether a letter had arrived, by provider and what its stream does then: `retry` or `hold`.",
                &["provider", "then"],
            )?,
            letters_finished: at.counters(
                "postrider_letters_finished_total",
                "Letters that reached a final state, by state and provider.",
                &["state", "provider"],
            )?,
            suppressions: at.counters(
                "postrider_suppressions_total",
                "Suppressions that verdicts asked for, by reason.",
                &["reason"],
            )?,
            sessions_opened: at.counters(
                "postrider_sessions_opened_total",
                "SMTP sessions opened, by provider and TLS version (`none`: in clear).",
                &["provider", "tls"],
            )?,
            sessions_secured: at.counters(
                "postrider_tls_sessions_total",
                "Sessions by the policy that spoke (RFC 8460 policy-type) and what was wrong (result-type; `none`: nothing).",
                &["policy", "result"],
            )?,
            prepare_seconds: at.histogram(
                "postrider_prepare_duration_seconds",
                "Time to compose and sign one letter.",
                &STORE_SECONDS,
            )?,
            talk_seconds: at.histograms(
                "postrider_talk_duration_seconds",
                "Time from a letter's first SMTP command to its last reply, by provider.",
                &["provider"],
                &TALK_SECONDS,
            )?,
            letters_in_flight: at.gauge(
                "postrider_letters_in_flight",
                "Letters leased by this process and not settled yet.",
            )?,
            queue_letters: at.gauges(
                "postrider_queue_letters",
                "Letters in the queue when last sampled, by place: `ready` now, `waiting` for their time, in `quiet_hours`, `held`, `leased`.",
                &["place"],
            )?,
            queue_oldest_due_seconds: at.gauge_of_seconds(
                "postrider_queue_oldest_due_age_seconds",
                "For how long the oldest due letter has been due, when last sampled.",
            )?,
            lease_letters: at.histogram(
                "postrider_lease_batch_letters",
                "Letters brought by one lease.",
                &LETTERS,
            )?,
            lease_seconds: at.histogram(
                "postrider_lease_duration_seconds",
                "Time of one lease in the store.",
                &STORE_SECONDS,
            )?,
            leases_lost: at.counter(
                "postrider_leases_lost_total",
                "Letters whose lease had passed to somebody else before they were renewed or settled.",
            )?,
            settle_letters: at.histogram(
                "postrider_settle_batch_letters",
                "Verdicts written by one settle.",
                &LETTERS,
            )?,
            settle_seconds: at.histogram(
                "postrider_settle_duration_seconds",
                "Time of one settle in the store, its commit included.",
                &STORE_SECONDS,
            )?,
            settle_lag_seconds: at.histogram(
                "postrider_settle_lag_seconds",
                "Time from a verdict to its commit.",
                &STORE_SECONDS,
            )?,
            brakes: at.counters(
                "postrider_brakes_total",
                "Times the brakes gripped, by level (`warn`, `stop`) and what was measured.",
                &["level", "measure"],
            )?,
            inbound: inbound::Inbound::new(&at)?,
            check: check::Check::new(&at)?,
            store_failures: at.counter(
                "postrider_store_failures_total",
                "Calls to the store that failed; the letters concerned are tried again.",
            )?,
        })
    }

    /// A letter was offered and answered.
    pub fn enqueued(&self, door: Door, answer: Answer, letters: u64) {
        let labels = [door.name(), answer.name()];
        self.letters_enqueued
            .with_label_values(&labels)
            .inc_by(letters);
    }

    /// An enqueue request was answered.
    pub fn enqueue_answered(&self, door: Door, took: Duration) {
        self.enqueue_seconds
            .with_label_values(&[door.name()])
            .observe(took.as_secs_f64());
    }

    /// An attempt ended.
    pub fn attempted(&self, provider: Provider, outcome: Outcome) {
        self.attempts
            .with_label_values(&[provider.name(), outcome.name()])
            .inc();
    }

    /// A letter went back to the queue.
    pub fn deferred(&self, provider: Provider, outcome: Outcome) {
        self.letters_deferred
            .with_label_values(&[provider.name(), outcome.name()])
            .inc();
    }

    /// Nobody knows whether a letter arrived.
    pub fn doubted(&self, provider: Provider, then: InDoubt) {
        let then = match then {
            InDoubt::Retry => "retry",
            InDoubt::Hold => "hold",
        };
        self.letters_in_doubt
            .with_label_values(&[provider.name(), then])
            .inc();
    }

    /// A letter reached a final state.
    pub fn finished(&self, state: State, provider: Provider) {
        debug_assert!(state.is_final());
        self.letters_finished
            .with_label_values(&[state.name(), provider.name()])
            .inc();
    }

    /// A verdict suppressed an address.
    pub fn suppressed(&self, reason: Reason) {
        self.suppressions.with_label_values(&[reason.name()]).inc();
    }

    /// A session was opened; `tls` is what the attempt recorded, version first.
    pub fn session_opened(&self, provider: Provider, tls: Option<&str>) {
        self.sessions_opened
            .with_label_values(&[provider.name(), tls_name(tls)])
            .inc();
    }

    /// A session came to be, or did not, as far as its security goes.
    pub fn secured(&self, policy: PolicyType, fault: Option<ResultType>) {
        self.sessions_secured
            .with_label_values(&[policy.name(), fault.map_or("none", ResultType::name)])
            .inc();
    }

    /// A letter was composed and signed.
    pub fn prepared(&self, took: Duration) {
        self.prepare_seconds.observe(took.as_secs_f64());
    }

    /// A letter's talk ended.
    pub fn talked(&self, provider: Provider, took: Duration) {
        self.talk_seconds
            .with_label_values(&[provider.name()])
            .observe(took.as_secs_f64());
    }

    /// So many letters are in flight now.
    pub fn in_flight(&self, letters: usize) {
        self.letters_in_flight
            .set(i64::try_from(letters).unwrap_or(i64::MAX));
    }

    /// So many letters were seen in that place of the queue.
    pub fn queue_sampled(&self, place: Place, letters: u64) {
        let letters = i64::try_from(letters).unwrap_or(i64::MAX);
        self.queue_letters
            .with_label_values(&[place.name()])
            .set(letters);
    }

    /// The oldest due letter has been due for so long; zero when none is.
    pub fn oldest_due_sampled(&self, age: Duration) {
        self.queue_oldest_due_seconds.set(age.as_secs_f64());
    }

    /// A lease brought letters.
    pub fn leased(&self, letters: usize, took: Duration) {
        self.lease_letters.observe(count(letters));
        self.lease_seconds.observe(took.as_secs_f64());
    }

    /// Leases turned out to be somebody else's.
    pub fn leases_lost(&self, letters: usize) {
        self.leases_lost
            .inc_by(u64::try_from(letters).unwrap_or(u64::MAX));
    }

    /// Verdicts were committed.
    pub fn settled(&self, verdicts: usize, took: Duration) {
        self.settle_letters.observe(count(verdicts));
        self.settle_seconds.observe(took.as_secs_f64());
    }

    /// One verdict had waited so long for its commit.
    pub fn settle_lagged(&self, lag: Duration) {
        self.settle_lag_seconds.observe(lag.as_secs_f64());
    }

    /// A brake warned of something, or stopped it.
    pub fn braked(&self, level: BrakeLevel, measure: Measure) {
        self.brakes
            .with_label_values(&[level.name(), measure.name()])
            .inc();
    }

    /// A call to the store failed.
    pub fn store_failed(&self) {
        self.store_failures.inc();
    }

    /// Every registered metric in Prometheus' text form. What cannot be encoded is left out, never an error page.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

/// A batch's size; batches are far below the 2^52 where this would round.
fn count(letters: usize) -> f64 {
    f64::from(u32::try_from(letters).unwrap_or(u32::MAX))
}

/// Makes a metric and registers it in one step, so that none can be forgotten.
struct Register<'a>(&'a Registry);

impl Register<'_> {
    fn keep<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.keep(IntGauge::new(name, help)?)
    }

    fn gauge_of_seconds(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.keep(Gauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.keep(Histogram::with_opts(options)?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.keep(HistogramVec::new(options, labels)?)
    }
}

impl Outcome {
    /// The outcome of an attempt that ended with that class, or without one.
    pub const fn refused(class: Option<Class>) -> Self {
        match class {
            Some(class) => Self::Refused(class),
            None => Self::Unclassified,
        }
    }
}

#[cfg(test)]
mod tests;
