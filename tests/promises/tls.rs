//! Whoever publishes how its hosts prove themselves gets its letters over such sessions, or not at all.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use postrider::{
    engine::Limits,
    mail::{PolicyType, ResultType},
    port::TlsStore,
    sim::{Plan, Temper, plan::ProviderPlan},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    desk::Wishes,
    fates::{Fate, states},
    world::{World, letter, people, provider},
};

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.0.one.example\nmax_age: 86400\n";

/// Letters to each domain.
const LETTERS: usize = 4;

fn certified(name: &str) -> ProviderPlan {
    ProviderPlan {
        certified: true,
        ..provider(name, 1, Temper::generous())
    }
}

fn self_signed(name: &str) -> ProviderPlan {
    provider(name, 1, Temper::generous())
}

fn enforce(name: &str) -> (String, String) {
    let policy =
        format!("version: STSv1\nmode: enforce\nmx: mx.0.{name}.example\nmax_age: 86400\n");
    (format!("0.{name}.example"), policy)
}

fn wishes(world: &World) -> Wishes {
    Wishes {
        root: Some(world.internet.root()),
        give_up_age: Duration::from_secs(3),
        limits: Limits {
            connections_per_site: 1,
            ..Wishes::default().limits
        },
        ..Wishes::default()
    }
}

/// Sends some letters to each provider and returns what became of them.
async fn send(world: &World, names: &[&str]) -> Vec<Fate> {
    let letters = names.iter().flat_map(|name| people(LETTERS, name, 1));
    world.enqueue(letters.map(|to| letter(&to))).await;
    let engine = world.engine(&wishes(world)).await;
    world.settled().await;
    engine.stop().await;
    world.kept().await
}

/// How many letters to that provider were delivered.
fn delivered(fates: &[Fate], name: &str) -> usize {
    let end = format!(".{name}.example");
    let there = fates.iter().filter(|fate| fate.to.ends_with(&end));
    there.filter(|fate| fate.events("delivered") == 1).count()
}

/// The sessions counted for a domain: by policy and result.
async fn counted(world: &World, name: &str) -> Vec<(PolicyType, Option<ResultType>)> {
    let today =
        time::OffsetDateTime::from(postrider::port::Clock::now(&postrider::net::SystemClock));
    let domain = format!("0.{name}.example");
    let counts = world.store.tls_counts(today.date(), &domain).await.unwrap();
    let counts = counts.into_iter();
    counts
        .map(|count| (count.outcome.basis, count.outcome.fault))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enforced_policy_decides_who_gets_letters() {
    let mut plan = Plan::empty(7)
        .with(certified("good"))
        .with(self_signed("doubtful"))
        .with(certified("misnamed"))
        .with(self_signed("plain"));
    let other = ("0.misnamed.example".to_owned(), ENFORCE.to_owned());
    plan.policies = vec![enforce("good"), enforce("doubtful"), other];
    let world = World::new(plan).await;
    let fates = send(&world, &["good", "doubtful", "misnamed", "plain"]).await;
    assert_eq!(delivered(&fates, "good"), LETTERS);
    assert_eq!(delivered(&fates, "plain"), LETTERS);
    assert_eq!(
        states(&fates),
        [("delivered", 2 * LETTERS), ("expired", 2 * LETTERS)].into()
    );
    let sts = |fault| vec![(PolicyType::Sts, fault)];
    assert_eq!(counted(&world, "good").await, sts(None));
    assert_eq!(
        counted(&world, "doubtful").await,
        sts(Some(ResultType::CertificateNotTrusted))
    );
    assert_eq!(
        counted(&world, "misnamed").await,
        sts(Some(ResultType::StsPolicyInvalid))
    );
    assert_eq!(
        counted(&world, "plain").await,
        [(PolicyType::NoPolicyFound, None)]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_under_test_costs_no_letter_and_is_told() {
    let mut plan = Plan::empty(7)
        .with(self_signed("doubtful"))
        .with(certified("good"));
    let testing = |name: &str| {
        let (domain, policy) = enforce(name);
        (domain, policy.replace("enforce", "testing"))
    };
    plan.policies = vec![testing("doubtful"), testing("good")];
    let world = World::new(plan).await;
    let fates = send(&world, &["doubtful", "good"]).await;
    assert_eq!(states(&fates), [("delivered", 2 * LETTERS)].into());
    let sts = |fault| vec![(PolicyType::Sts, fault)];
    assert_eq!(counted(&world, "good").await, sts(None));
    assert_eq!(
        counted(&world, "doubtful").await,
        sts(Some(ResultType::CertificateNotTrusted))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_was_learnt_outlives_restart_and_silence() {
    let mut plan = Plan::empty(7).with(self_signed("doubtful"));
    plan.policies = vec![enforce("doubtful")];
    let world = World::new(plan).await;
    let first = send(&world, &["doubtful"]).await;
    assert_eq!(states(&first), [("expired", LETTERS)].into());
    // As an attacker would who holds DNS and the way to the web server.
    world
        .internet
        .withdraw("_mta-sts.0.doubtful.example", "TXT");
    let both = send(&world, &["doubtful"]).await;
    assert_eq!(states(&both), [("expired", 2 * LETTERS)].into());
    assert_eq!(world.store.kept_policies().await.unwrap().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_cannot_be_read_is_no_policy_and_is_told() {
    let mut plan = Plan::empty(7).with(self_signed("odd"));
    plan.policies = vec![("0.odd.example".to_owned(), "<html>".to_owned())];
    let world = World::new(plan).await;
    let fates = send(&world, &["odd"]).await;
    assert_eq!(states(&fates), [("delivered", LETTERS)].into());
    let told = counted(&world, "odd").await;
    let invalid = (PolicyType::Sts, Some(ResultType::StsPolicyInvalid));
    assert!(told.contains(&invalid), "{told:?}");
    world.end().await;
}

/// The certificate that a host shows, by asking it.
async fn shown(world: &World, host: &str) -> Vec<u8> {
    let resolver = world.lines.edges(world.store.clone()).dns;
    let found = postrider::port::Dns::addresses(&resolver, host).await;
    let postrider::port::HostAnswer::Addresses(found) = found else {
        panic!("{host} has no address");
    };
    let mut stream = TcpStream::connect(world.lines.reroute[&found[0]])
        .await
        .unwrap();
    let mut room = [0; 4_096];
    assert!(stream.read(&mut room).await.unwrap() > 0);
    for words in ["EHLO mail.example.com\r\n", "STARTTLS\r\n"] {
        stream.write_all(words.as_bytes()).await.unwrap();
        assert!(stream.read(&mut room).await.unwrap() > 0);
    }
    let trust = postrider::net::Trust::new().unwrap();
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(trust.any);
    let stream = connector.connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn record(name: &str, certificate: &[u8]) -> String {
    let hash = digest(&SHA256, certificate);
    let hash = data_encoding::HEXLOWER.encode(hash.as_ref());
    format!("_25._tcp.mx.0.{name}.example. 60 IN TLSA 3 0 1 {hash}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proved_dns_names_the_certificate() {
    let plan = ["right", "wrong", "silent", "unsigned"];
    let plan = plan
        .iter()
        .fold(Plan::empty(7), |plan, name| plan.with(self_signed(name)));
    let world = World::new(plan).await;
    for name in ["right", "wrong", "silent"] {
        world.internet.sign(&format!("0.{name}.example"));
    }
    let right = shown(&world, "mx.0.right.example").await;
    world
        .internet
        .publish_zone(&record("right", &right))
        .unwrap();
    world
        .internet
        .publish_zone(&record("wrong", b"another"))
        .unwrap();
    world
        .internet
        .publish_zone(&record("unsigned", b"another"))
        .unwrap();
    world.internet.break_name(
        "_25._tcp.mx.0.silent.example",
        postrider::sim::plan::Breakage::ServFail,
    );
    let fates = send(&world, &["right", "wrong", "silent", "unsigned"]).await;
    for (name, expected) in [
        ("right", LETTERS),
        ("wrong", 0),
        ("silent", 0),
        ("unsigned", LETTERS),
    ] {
        assert_eq!(delivered(&fates, name), expected, "{name}");
    }
    let tlsa = |fault| vec![(PolicyType::Tlsa, fault)];
    assert_eq!(counted(&world, "right").await, tlsa(None));
    assert_eq!(
        counted(&world, "wrong").await,
        tlsa(Some(ResultType::TlsaInvalid))
    );
    assert_eq!(
        counted(&world, "silent").await,
        tlsa(Some(ResultType::DnssecInvalid))
    );
    assert_eq!(
        counted(&world, "unsigned").await,
        [(PolicyType::NoPolicyFound, None)]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn domains_of_one_site_share_only_sessions_that_are_good_enough() {
    let shared = ProviderPlan {
        certified: true,
        ..ProviderPlan::new(
            "shared",
            postrider::sim::Dialect::Postfix,
            Temper::generous(),
        )
    };
    let domains = ["0.strict.example", "0.loose.example"];
    let mut plan = Plan::empty(7).with(shared.serving(&domains, &["mx.0.strict.example"]));
    plan.policies = vec![enforce("strict")];
    let world = World::new(plan).await;
    let fates = send(&world, &["strict", "loose", "strict"]).await;
    assert_eq!(states(&fates), [("delivered", 3 * LETTERS)].into());
    assert_eq!(counted(&world, "strict").await, [(PolicyType::Sts, None)]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_asks_for_reports_gets_yesterdays() {
    let mut plan = Plan::empty(7)
        .with(certified("good"))
        .with(self_signed("plain"));
    plan.policies = vec![enforce("good")];
    let world = World::new(plan).await;
    let rua = "v=TLSRPTv1; rua=mailto:tls@0.plain.example,https://mta-sts.0.good.example/reports";
    world.internet.publish_txt("_smtp._tls.0.good.example", rua);
    send(&world, &["good", "plain"]).await;

    let tomorrow =
        postrider::port::Clock::now(&postrider::net::SystemClock).plus(Duration::from_hours(24));
    let edges = world.lines.edges(world.store.clone());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.internet.root()).unwrap();
    let reports = postrider::app::tls_reports::Reports {
        store: world.store.clone(),
        dns: edges.dns,
        dial: edges.dial,
        trust: postrider::net::Trust::with_roots(roots).unwrap(),
        from: "tls-reports@example.com".to_owned(),
        stream: "transactional".to_owned(),
    };
    // The other domain asks for none; nobody reports a day twice.
    assert_eq!(reports.round(tomorrow).await.unwrap(), 1);
    assert_eq!(reports.round(tomorrow).await.unwrap(), 0);

    let posted = world.internet.posted();
    assert_eq!(posted.len(), 1);
    let report = mail_auth::report::tlsrpt::TlsReport::parse_json(&gunzip(&posted[0])).unwrap();
    let policy = &report.policies[0];
    assert_eq!(policy.policy.policy_domain, "0.good.example");
    assert_eq!(
        (policy.summary.total_success, policy.summary.total_failure),
        (1, 0)
    );

    let engine = world.engine(&wishes(&world)).await;
    world.settled().await;
    engine.stop().await;
    let fates = world.kept().await;
    let letter = fates.iter().find(|fate| fate.to == "tls@0.plain.example");
    assert_eq!(
        letter.map(|letter| letter.copies),
        Some(1),
        "signed and delivered"
    );
    world.end().await;
}

fn gunzip(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(octets);
    std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
    text
}
