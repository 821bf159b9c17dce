use std::collections::BTreeSet;

use super::{audit::lessons, *};
use crate::bounce::classify;

#[test]
fn every_rule_decides_the_replies_that_taught_it_and_no_rival_claims_them() {
    let faults = audit::faults(builtin());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn audited(rules: &[(&str, &str, &str)]) -> Vec<String> {
    let block = |(name, class, rest): &(&str, &str, &str)| {
        format!("[[rule]]\nname = \"{name}\"\nclass = \"{class}\"\n{rest}\n")
    };
    let toml: String = rules.iter().map(block).collect();
    audit::faults(&Rulebook::parse(&toml).expect("a rulebook"))
}

#[test]
fn unfit_rules_are_found() {
    let full = (
        "full",
        "mailbox-full",
        "match = 'full'\nseen = ['552 Full']",
    );
    let check = |rules: &[(&str, &str, &str)], expected: &[&str]| {
        assert_eq!(audited(rules), expected);
    };
    check(&[full], &[]);
    check(
        &[("never", "rate", "match = 'empty'\nseen = ['552 Full']")],
        &["never never matches: 552 Full"],
    );
    // The code of an example counts as much as its words.
    check(
        &[(
            "never",
            "rate",
            "match = 'full'\ncode = ['4xx']\nseen = ['552 Full']",
        )],
        &["never never matches: 552 Full"],
    );
    check(
        &[
            full,
            (
                "late",
                "mailbox-full",
                "match = 'ful'\nseen = ['552 so full']",
            ),
        ],
        &["late is shadowed by full: 552 so full"],
    );
    check(
        &[full, ("rival", "rate", "match = 'ful'\nseen = ['552 ful']")],
        &["full and rival are ambiguous: 552 Full"],
    );
    check(
        &[
            (
                "full",
                "mailbox-full",
                "match = 'full'\nover = ['rival']\nseen = ['552 Full']",
            ),
            ("rival", "rate", "match = 'ful'\nseen = ['552 ful']"),
        ],
        &[],
    );
    check(
        &[(
            "idle",
            "rate",
            "match = 'full'\nover = ['gone']\nseen = ['552 Full']",
        )],
        &["idle needs no `over` gone"],
    );
    // A rule of a provider outranks the rules in general: no rivals.
    check(
        &[
            (
                "ours",
                "rate",
                "match = 'ful'\nprovider = ['yandex']\nseen = ['552 Full']",
            ),
            (
                "full",
                "mailbox-full",
                "match = 'full'\nseen = ['552 full!']",
            ),
        ],
        &[],
    );
}

#[test]
fn every_name_is_used_once() {
    let names: BTreeSet<_> = builtin().rules().map(|rule| &rule.name).collect();
    assert_eq!(names.len(), builtin().rules().count());
}

#[test]
fn no_two_rules_have_the_same_words() {
    let mut seen = BTreeSet::new();
    for rule in builtin().rules() {
        for (reply, provider) in lessons(rule) {
            assert!(seen.insert((provider, reply.to_string())), "twice: {reply}");
        }
    }
}

#[test]
fn patterns_are_written_in_the_normal_form_they_meet() {
    for rule in builtin().rules() {
        let pattern = rule.pattern.as_deref().unwrap_or_default();
        let bare = pattern.replace(r"\S", "").replace(r"\D", "");
        assert_eq!(bare, bare.to_lowercase(), "{}", rule.name);
    }
}

#[test]
fn case_spacing_and_the_cut_into_lines_change_nothing() {
    for rule in builtin().rules() {
        for (reply, provider) in lessons(rule) {
            let again = |text: String| {
                let mut other = reply.clone();
                other.text = text;
                classify(&other, provider).rule
            };
            let code = reply
                .enhanced
                .map_or(String::new(), |code| format!("{code} "));
            let joint = format!(" {}-{code}", reply.code);
            assert_eq!(again(reply.text.to_uppercase()), rule.name, "{reply}");
            assert_eq!(again(reply.text.replace(' ', " \t ")), rule.name, "{reply}");
            assert_eq!(
                again(reply.text.replace(' ', &format!("\n{code}"))),
                rule.name,
                "{reply}"
            );
            assert_eq!(again(reply.text.replace(' ', &joint)), rule.name, "{reply}");
        }
    }
}

#[test]
fn only_rules_with_proof_in_the_text_or_code_blame_the_recipient() {
    for rule in builtin().rules() {
        let hard = matches!(rule.class, Class::BadMailbox | Class::BadDomain);
        let proven =
            rule.pattern.is_some() || !rule.enhanced.is_empty() || rule.name == "basic-556";
        assert!(!hard || proven, "{} suppresses by a bare code", rule.name);
    }
}

fn fault(toml: &str) -> String {
    Rulebook::parse(toml)
        .map(|_| ())
        .expect_err("a fault")
        .to_string()
}

#[test]
fn a_broken_rulebook_names_the_rule() {
    let rule = |rest: &str| format!("[[rule]]\nname = \"a\"\nclass = \"rate\"\n{rest}\n");
    assert_eq!(fault(&rule("")), "rule a: has no example");
    assert_eq!(
        fault(&rule("seen = [\"450 x\"]\nprovider = [\"aol\"]")),
        "rule a: aol?"
    );
    assert_eq!(
        fault(&rule("seen = [\"450 x\"]\ncode = [\"4yy\"]")),
        "rule a: 4yy?"
    );
    let hard = fault(&rule("seen = [\"450 x\"]\nterm = \"permanent\""));
    assert_eq!(hard, "rule a: term permanent? only `transient` can be said");
    assert!(
        fault(&rule("seen = [\"450 x\"]\nmatch = '('")).starts_with("rule a: regex parse error")
    );
}

#[test]
fn masks_of_enhanced_codes() {
    let code = |text: &str| EnhancedCode::parse_prefix(text).expect("a code");
    let mask = EnhancedMask::parse("x.7.20-26").expect("a mask");
    assert!(mask.contains(code("5.7.20")));
    assert!(mask.contains(code("4.7.26")));
    assert!(!mask.contains(code("5.7.27")));
    assert!(EnhancedMask::parse("5.1").is_none());
    assert!(EnhancedMask::parse("5.1.1.1").is_none());
    assert!(
        EnhancedMask::parse("5.x.x")
            .expect("a mask")
            .contains(code("5.4.1"))
    );
}
