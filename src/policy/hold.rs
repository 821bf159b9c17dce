//! Which hold, if any, keeps a letter here.
//!
//! Owns the answer. Promises: a hold stops whatever it names and nothing else; where several do, the oldest answers, so that
//! the same letter is kept under the same name on every node. Leaves the laying and lifting to people, and what a
//! held letter waits for to the store.

use crate::mail::{Hold, HoldOn, Letter, Provider};

/// The holds in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds(Vec<Hold>);

impl Holds {
    /// Those holds.
    pub fn new(mut holds: Vec<Hold>) -> Self {
        holds.sort_by_key(|hold| hold.id);
        Self(holds)
    }

    /// The hold on a letter, whatever its way.
    pub fn on_letter(&self, letter: &Letter) -> Option<&Hold> {
        self.0.iter().find(|hold| match &hold.on {
            HoldOn::All => true,
            HoldOn::Domain(domain) => letter.to.mailbox.address.domain() == domain,
            HoldOn::Campaign(campaign) => letter.campaign.as_ref() == Some(campaign),
            HoldOn::Stream(stream) => letter.stream == *stream,
            HoldOn::Provider(_)
            | HoldOn::Site(_)
            | HoldOn::CampaignAt(..)
            | HoldOn::StreamAt(..) => false,
        })
    }

    /// The hold on a way for this letter.
    pub fn on_way(&self, letter: &Letter, site: &str, provider: Provider) -> Option<&Hold> {
        self.0.iter().find(|hold| match &hold.on {
            HoldOn::Provider(held) => *held == provider,
            HoldOn::Site(held) => held == site,
            HoldOn::CampaignAt(campaign, held) => {
                *held == provider && letter.campaign.as_ref() == Some(campaign)
            }
            HoldOn::StreamAt(stream, held) => {
                *held == provider && letter.campaign.is_none() && letter.stream == *stream
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    use crate::mail::{
        Address, Content, Domain, HoldId, LetterId, Mailbox, Recipient, Shard, Timestamp,
    };

    fn sample(to: &str) -> Letter {
        let mailbox = |address: &str| Mailbox {
            address: Address::parse(address).unwrap(),
            name: None,
        };
        Letter {
            id: LetterId(Uuid::nil()),
            shard: Shard(0),
            stream: "marketing".to_owned(),
            campaign: Some("spring".to_owned()),
            to: Recipient {
                mailbox: mailbox(to),
                locale: None,
                time_zone: None,
            },
            from: mailbox("news@example.com"),
            reply_to: None,
            content: Content::Raw(Vec::new()),
            tags: Vec::new(),
            enqueued_at: Timestamp::from_seconds(1_800_000_000),
            send_at: None,
            valid_until: None,
        }
    }

    fn hold(id: i32, on: HoldOn) -> Hold {
        Hold {
            id: HoldId(id),
            on,
            author: "operator".to_owned(),
            reason: "a look first".to_owned(),
            since: Timestamp::from_seconds(1_800_000_000),
        }
    }

    fn check(on: &HoldOn, stops_letter: bool, stops_way: bool) {
        let holds = Holds::new(vec![hold(1, on.clone())]);
        let letter = sample("anna@mail.ru");
        assert_eq!(holds.on_letter(&letter).is_some(), stops_letter, "{on:?}");
        let way = holds.on_way(&letter, "mxs.mail.ru", Provider::Mailru);
        assert_eq!(way.is_some(), stops_way, "{on:?}");
    }

    #[test]
    fn a_hold_stops_what_it_names_and_nothing_else() {
        let domain = |text| HoldOn::Domain(Domain::parse(text).unwrap());
        check(&HoldOn::All, true, false);
        check(&domain("mail.ru"), true, false);
        check(&domain("bk.ru"), false, false);
        check(&HoldOn::Campaign("spring".to_owned()), true, false);
        check(&HoldOn::Campaign("Spring".to_owned()), false, false);
        check(&HoldOn::Stream("marketing".to_owned()), true, false);
        check(&HoldOn::Stream("transactional".to_owned()), false, false);
        check(&HoldOn::Provider(Provider::Mailru), false, true);
        check(&HoldOn::Provider(Provider::Yandex), false, false);
        check(&HoldOn::Site("mxs.mail.ru".to_owned()), false, true);
        check(&HoldOn::Site("mx.yandex.ru".to_owned()), false, false);
        let spring = |provider| HoldOn::CampaignAt("spring".to_owned(), provider);
        check(&spring(Provider::Mailru), false, true);
        check(&spring(Provider::Yandex), false, false);
        let other = HoldOn::CampaignAt("autumn".to_owned(), Provider::Mailru);
        check(&other, false, false);
    }

    #[test]
    fn a_stream_at_a_provider_is_held_outside_campaigns_only() {
        let marketing = HoldOn::StreamAt("marketing".to_owned(), Provider::Mailru);
        check(&marketing, false, false);
        let mut letter = sample("anna@mail.ru");
        letter.campaign = None;
        let holds = Holds::new(vec![hold(1, marketing)]);
        let on = |provider| holds.on_way(&letter, "mxs.mail.ru", provider).is_some();
        assert!(on(Provider::Mailru));
        assert!(!on(Provider::Yandex));
    }

    #[test]
    fn of_several_holds_the_oldest_answers() {
        let holds = Holds::new(vec![
            hold(7, HoldOn::All),
            hold(3, HoldOn::Stream("marketing".to_owned())),
        ]);
        let letter = sample("anna@mail.ru");
        assert_eq!(
            holds.on_letter(&letter).map(|hold| hold.id),
            Some(HoldId(3))
        );
    }
}
