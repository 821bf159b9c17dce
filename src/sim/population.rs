//! The people who live in a small internet: whom a demo writes to.
//!
//! Owns made-up names and addresses. Promises: the same seed gives the same people in the same order; no address
//! comes twice; addresses that will bounce begin with the word that says why, so that both ends can be compared.
//! Leaves what happens to their letters to `temper`.

use super::{
    chance::{draw, unit},
    plan::Plan,
    temper::Mailbox,
};

/// Of a thousand addresses, how many were never good, are full, are closed.
const UNKNOWN_PER_MILLE: u64 = 15;
const FULL_PER_MILLE: u64 = 4;
const DISABLED_PER_MILLE: u64 = 6;

/// First names in Russian, with the spelling used in addresses.
const RUSSIAN_FIRST: [(&str, &str); 12] = [
    ("Анна", "anna"),
    ("Иван", "ivan"),
    ("Мария", "maria"),
    ("Сергей", "sergey"),
    ("Ольга", "olga"),
    ("Дмитрий", "dmitry"),
    ("Елена", "elena"),
    ("Алексей", "alexey"),
    ("Наталья", "natalia"),
    ("Павел", "pavel"),
    ("Татьяна", "tatiana"),
    ("Юрий", "yury"),
];

/// Family names that fit all first names.
const RUSSIAN_LAST: [(&str, &str); 10] = [
    ("Шевченко", "shevchenko"),
    ("Бондаренко", "bondarenko"),
    ("Черных", "chernykh"),
    ("Долгих", "dolgikh"),
    ("Савич", "savich"),
    ("Гриневич", "grinevich"),
    ("Ткаченко", "tkachenko"),
    ("Седых", "sedykh"),
    ("Мицкевич", "mitskevich"),
    ("Коваль", "koval"),
];

/// First names in English.
const ENGLISH_FIRST: [&str; 8] = [
    "Alice", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry",
];

/// Family names in English.
const ENGLISH_LAST: [&str; 8] = [
    "Baker", "Carter", "Dixon", "Fisher", "Harper", "Mason", "Turner", "Walker",
];

/// Business mailboxes that belong to a role rather than to a person.
const ROLES: [&str; 5] = ["zakupki", "info", "sales", "snab", "office"];

/// One person with a mailbox, or with a mistake in the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// The address.
    pub address: String,
    /// The display name.
    pub name: String,
    /// `ru` or `en`.
    pub locale: &'static str,
    /// What kind of mailbox the address asks for.
    pub mailbox: Mailbox,
}

/// Everybody, drawn by the weights of a plan.
#[derive(Clone, Debug)]
pub struct Population {
    seed: u64,
    /// Upper ends of each domain's part of the total.
    ends: Vec<(u64, String)>,
    total: u64,
}

impl Population {
    /// The people of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut total = 0;
        let mut ends = Vec::with_capacity(plan.weights.len());
        for (domain, weight) in &plan.weights {
            total += u64::from(*weight);
            ends.push((total, domain.clone()));
        }
        Self {
            seed: plan.seed,
            ends,
            total,
        }
    }

    /// The first `count` of them; none when no domain has a weight.
    pub fn recipients(&self, count: usize) -> impl Iterator<Item = Resident> {
        let count = if self.total == 0 { 0 } else { count };
        (0..count).map(|number| self.resident(number))
    }

    fn resident(&self, number: usize) -> Resident {
        let dice = |what: &str| draw(self.seed, what, &[&number.to_string()]);
        let point = dice("domain") % self.total;
        let place = self.ends.partition_point(|(end, _)| *end <= point);
        let domain = &self.ends[place].1;
        let locale = locale_of(domain, unit(dice("locale")));
        let (name, local) = names(locale, dice("first"), dice("last"));
        let (word, mailbox) = mailbox(dice("mailbox") % 1_000);
        let is_role = domain.starts_with("firma-") || domain.starts_with("zavod-");
        let role = ROLES[choose(dice("role"), ROLES.len())];
        let person = if is_role { role } else { &local };
        Resident {
            // The number keeps addresses apart.
            address: format!("{word}{person}{number}@{domain}"),
            name,
            locale,
            mailbox,
        }
    }
}

/// Most people here read Russian; at international providers about half do.
fn locale_of(domain: &str, point: f64) -> &'static str {
    let is_international = ["com", "net", "de"].contains(&domain.rsplit('.').next().unwrap_or(""));
    if is_international && point < 0.4 {
        "en"
    } else {
        "ru"
    }
}

fn names(locale: &str, first: u64, last: u64) -> (String, String) {
    if locale == "en" {
        let first = ENGLISH_FIRST[choose(first, ENGLISH_FIRST.len())];
        let last = ENGLISH_LAST[choose(last, ENGLISH_LAST.len())];
        let local = format!("{first}.{last}").to_ascii_lowercase();
        return (format!("{first} {last}"), local);
    }
    let first = RUSSIAN_FIRST[choose(first, RUSSIAN_FIRST.len())];
    let last = RUSSIAN_LAST[choose(last, RUSSIAN_LAST.len())];
    (
        format!("{} {}", first.0, last.0),
        format!("{}.{}", first.1, last.1),
    )
}

const fn mailbox(point: u64) -> (&'static str, Mailbox) {
    const FULL: u64 = UNKNOWN_PER_MILLE + FULL_PER_MILLE;
    const DISABLED: u64 = FULL + DISABLED_PER_MILLE;
    match point {
        0..UNKNOWN_PER_MILLE => ("unknown-", Mailbox::Unknown),
        UNKNOWN_PER_MILLE..FULL => ("full-", Mailbox::Full),
        FULL..DISABLED => ("disabled-", Mailbox::Disabled),
        _ => ("", Mailbox::Good),
    }
}

fn choose(number: u64, count: usize) -> usize {
    usize::try_from(number % count as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mail::Address;

    fn people(seed: u64) -> Vec<Resident> {
        Population::of(&Plan::demo(seed))
            .recipients(5_000)
            .collect()
    }

    #[test]
    fn everybody_has_one_valid_address_of_their_own() {
        let people = people(7);
        let addresses: HashSet<&String> = people.iter().map(|person| &person.address).collect();
        assert_eq!(addresses.len(), 5_000);
        for person in &people {
            assert!(
                Address::parse(&person.address).is_ok(),
                "{}",
                person.address
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_seed_others() {
        assert_eq!(people(7), people(7));
        assert_ne!(people(7), people(8));
    }

    #[test]
    fn domains_and_mailboxes_come_in_the_planned_shares() {
        let people = people(7);
        let share = |is: &dyn Fn(&Resident) -> bool| people.iter().filter(|p| is(p)).count();
        let mailru = share(&|person| person.address.ends_with("@mail.ru"));
        assert!(
            (800..1_100).contains(&mailru),
            "about 190 of 1,000: {mailru}"
        );
        let unknown = share(&|person| person.mailbox == Mailbox::Unknown);
        assert!((45..110).contains(&unknown), "about 15 of 1,000: {unknown}");
        let english = share(&|person| person.locale == "en");
        assert!(english > 100 && english < 1_000, "{english}");
    }
}
