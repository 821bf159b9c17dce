use std::fmt::Write as _;

use super::*;

fn fresh() -> Metrics {
    Metrics::new(&Registry::new()).expect("a fresh registry takes every metric")
}

/// One of everything, so that labelled metrics show.
fn used() -> Metrics {
    let metrics = fresh();
    let second = Duration::from_secs(1);
    metrics.enqueued(Door::Http, Answer::Accepted, 3);
    metrics.enqueue_answered(Door::Http, second);
    metrics.attempted(Provider::Yandex, Outcome::Refused(Class::Rate));
    metrics.deferred(Provider::Yandex, Outcome::refused(None));
    metrics.doubted(Provider::Yandex, InDoubt::Hold);
    metrics.finished(State::Delivered, Provider::Google);
    metrics.suppressed(Reason::HardBounce);
    metrics.session_opened(Provider::Mailru, Some("TLSv1_3 TLS13_AES_256_GCM_SHA384"));
    metrics.secured(PolicyType::Sts, Some(ResultType::CertificateExpired));
    metrics.prepared(second);
    metrics.talked(Provider::Mailru, second);
    metrics.in_flight(5);
    metrics.queue_sampled(Place::Ready, 7);
    metrics.oldest_due_sampled(second);
    metrics.leased(200, second);
    metrics.leases_lost(1);
    metrics.settled(100, second);
    metrics.settle_lagged(second);
    metrics.store_failed();
    metrics.checked("failure", 2);
    metrics.check_changed("appeared");
    metrics
}

#[test]
fn the_names_and_help_of_all_metrics() {
    let mut out = String::new();
    for family in used().registry.gather() {
        let metric = &family.get_metric()[0];
        let labels: Vec<_> = metric
            .get_label()
            .iter()
            .map(prometheus::proto::LabelPair::name)
            .collect();
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        let _ = writeln!(
            out,
            "{} {kind} {labels:?}\n    {}",
            family.name(),
            family.help()
        );
    }
    insta::assert_snapshot!("names", out);
}

#[test]
fn every_name_says_its_unit() {
    for family in used().registry.gather() {
        let units = ["_total", "_seconds", "_letters", "_in_flight", "_findings"];
        assert!(
            units.iter().any(|unit| family.name().ends_with(unit)),
            "{}",
            family.name()
        );
        assert!(family.name().starts_with("postrider_"), "{}", family.name());
    }
}

#[test]
fn what_happened_is_what_is_shown() {
    let page = used().render();
    for line in [
        "postrider_letters_enqueued_total{answer=\"accepted\",door=\"http\"} 3",
        "postrider_attempts_total{outcome=\"rate\",provider=\"yandex\"} 1",
        "postrider_letters_deferred_total{outcome=\"unclassified\",provider=\"yandex\"} 1",
        "postrider_letters_finished_total{provider=\"google\",state=\"delivered\"} 1",
        "postrider_sessions_opened_total{provider=\"mailru\",tls=\"1.3\"} 1",
        "postrider_queue_letters{place=\"ready\"} 7",
        "postrider_lease_batch_letters_sum 200",
        "postrider_settle_batch_letters_bucket{le=\"100\"} 1",
    ] {
        assert!(
            page.lines().any(|shown| shown == line),
            "{line} is missing in\n{page}"
        );
    }
}

#[test]
fn the_same_registry_does_not_take_the_metrics_twice() {
    let registry = Registry::new();
    assert!(Metrics::new(&registry).is_ok());
    assert!(Metrics::new(&registry).is_err());
}

#[test]
fn tls_versions_are_few() {
    assert_eq!(tls_name(None), "none");
    assert_eq!(tls_name(Some("TLSv1_2 ECDHE")), "1.2");
    assert_eq!(tls_name(Some("TLSv1.3, whatever")), "1.3");
    assert_eq!(tls_name(Some("TLS1.3")), "1.3");
    assert_eq!(tls_name(Some("")), "other");
}
