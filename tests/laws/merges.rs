//! One person, several ids: whatever comes first, the leads that links connect become one, with all that happened.
//!
//! Every lead has a home of its own, which is the worst case. What one home sends another stays in order, as in a log;
//! everything else comes in any order: links, events, forwards, and the messages of links that cross each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use proptest::prelude::*;
use tsuikyaku::scoring::event::{Body, Event, Profile, ProfileKind};
use tsuikyaku::scoring::lead::{Applied, At, Effects, Lead};
use tsuikyaku::scoring::message::Message;
use tsuikyaku::wire::state::encode_facts;

use crate::streams::{DAY_MS, START_MS, stream};
use crate::{MODEL, cases, facts_of};

/// After every event of a stream, ms since the epoch.
const NOW_MS: i64 = START_MS + 10_000 * DAY_MS;
const LEADS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A record on its way, and how many redirects it passed.
#[derive(Debug, Clone)]
enum Carried {
    Event(Box<Event<'static>>, u8),
    Message(Message, u8),
}

/// Homes, and what is on its way from one to another; events come from nowhere, as from a topic.
#[derive(Default)]
struct Homes {
    leads: BTreeMap<Box<str>, Lead>,
    on_its_way: BTreeMap<(Box<str>, Box<str>), VecDeque<Carried>>,
    /// Links among redirects that were not settled yet, dead letters after eight of them.
    refused_links: usize,
}

impl Homes {
    fn send(&mut self, from: &str, to: &str, carried: Carried) {
        self.on_its_way.entry((from.into(), to.into())).or_default().push_back(carried);
    }

    /// Delivers the first record of one of the ways; false when nothing is on its way.
    fn deliver(&mut self, which: u8) -> bool {
        self.on_its_way.retain(|_, records| !records.is_empty());
        if self.on_its_way.is_empty() {
            return false;
        }
        let way = self.on_its_way.keys().nth(usize::from(which) % self.on_its_way.len()).expect("in range").clone();
        let carried = self.on_its_way.get_mut(&way).and_then(VecDeque::pop_front).expect("not empty");
        self.take(&way.1, carried);
        true
    }

    fn deliver_all(&mut self, order: &[u8]) {
        let mut order = order.iter().copied().cycle();
        while self.deliver(order.next().expect("an order")) {}
    }

    fn take(&mut self, home: &str, carried: Carried) {
        let (lead, mut out) = (self.leads.entry(home.into()).or_default(), Effects::default());
        let at = |hops| At { clock_ms: NOW_MS, appended_at_ms: NOW_MS, hops };
        let applied = match &carried {
            Carried::Event(event, hops) => lead.apply(&MODEL, home, event, at(*hops), &mut out),
            Carried::Message(message, hops) => lead.receive(&MODEL, home, message, at(*hops), &mut out),
        };
        for (to, message) in out.messages {
            self.send(home, &to, Carried::Message(message, 0));
        }
        match applied {
            Applied::Forward { to } => {
                let further = match carried {
                    Carried::Event(event, hops) => Carried::Event(event, hops + 1),
                    Carried::Message(message, hops) => Carried::Message(message, hops + 1),
                };
                self.send(home, &to, further);
            }
            Applied::Dead(_) => {
                let is_link = match &carried {
                    Carried::Event(event, _) => is_identity(event),
                    Carried::Message(message, _) => !matches!(message, Message::Merge { .. }),
                };
                let passed = match &carried {
                    Carried::Event(_, hops) | Carried::Message(_, hops) => *hops,
                };
                assert!(is_link, "lost at {home}: {carried:?}");
                self.refused_links += usize::from(passed > 0);
            }
            Applied::Changed | Applied::Duplicate | Applied::Machine | Applied::Erased => {}
        }
    }

    /// The lead that an id turned out to be.
    fn root<'a>(&'a self, lead_id: &'a str) -> Option<&'a str> {
        let next = |id: &&'a str| self.leads.get(*id)?.identity.redirect.as_deref();
        std::iter::successors(Some(lead_id), next).take(LEADS.len() + 1).find(|id| next(id).is_none())
    }
}

/// What happens, as it enters the topics: events of leads, and links between some of them.
#[derive(Clone)]
struct Story {
    events: Vec<Event<'static>>,
    links: Vec<(usize, usize)>,
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.links.iter().map(|(from, to)| format!("{} is {}", LEADS[*from], LEADS[*to]));
        let events = self.events.iter().map(|event| format!("{} of {}", event.event_id, event.lead_id));
        f.debug_list().entries(links).entries(events).finish()
    }
}

fn story() -> impl Strategy<Value = Story> {
    let links = prop::collection::vec((0..LEADS.len(), 0..LEADS.len()), 1..7);
    let owners = prop::collection::vec(0..LEADS.len(), 12);
    (stream(12), owners, links).prop_map(|(events, owners, links)| {
        let owned = events.into_iter().zip(owners).filter(|(event, _)| !is_identity(event));
        let owned = owned.map(|(event, owner)| Event { lead_id: LEADS[owner].into(), ..event });
        let links = links.into_iter().filter(|(from, to)| from != to).collect();
        Story { events: owned.collect(), links }
    })
}

fn is_identity(event: &Event<'_>) -> bool {
    let kinds = [ProfileKind::IdentityLinked, ProfileKind::IdentityUnlinked, ProfileKind::Erased];
    matches!(&event.body, Body::Profile(profile) if kinds.contains(&profile.kind))
}

fn identity(number: usize, lead_id: &'static str, kind: ProfileKind, to: Option<&'static str>) -> Event<'static> {
    Event {
        event_id: format!("{} {number}", kind.as_str()).into(),
        lead_id: lead_id.into(),
        occurred_at_ms: NOW_MS,
        account_id: None,
        topic: None,
        machine: false,
        body: Body::Profile(Box::new(Profile { kind, linked_lead_id: to.map(Into::into), ..Profile::default() })),
    }
}

impl Story {
    /// Everything enters its topic, links among the events of a lead, and arrives in some order.
    fn play(&self, places: &[u8], order: &[u8]) -> Homes {
        let mut log: Vec<Event<'static>> = self.events.clone();
        for (number, ((from, to), place)) in self.links.iter().zip(places).enumerate() {
            let link = identity(number, LEADS[*from], ProfileKind::IdentityLinked, Some(LEADS[*to]));
            log.insert(usize::from(*place) % (log.len() + 1), link);
        }
        let mut homes = Homes::default();
        for event in log {
            let lead_id = event.lead_id.to_string();
            homes.send("", &lead_id, Carried::Event(Box::new(event), 0));
        }
        homes.deliver_all(order);
        homes
    }

    /// Who is one person with whom: the smallest id that each lead is connected with.
    fn persons(&self) -> [usize; LEADS.len()] {
        let mut persons = std::array::from_fn(|lead| lead);
        for _ in LEADS {
            for (from, to) in &self.links {
                let least = persons[*from].min(persons[*to]);
                (persons[*from], persons[*to]) = (least, least);
            }
        }
        persons
    }
}

/// Where links stand among events, and which way is taken next, as numbers modulo how many there are.
fn orders() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (prop::collection::vec(any::<u8>(), 7), prop::collection::vec(any::<u8>(), 1..60))
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn whatever_comes_first_linked_leads_become_one(story in story(), (places, order) in orders()) {
        let homes = story.play(&places, &order);
        prop_assume!(homes.refused_links == 0);
        let persons = story.persons();
        for person in BTreeSet::from(persons) {
            let members: Vec<&str> = (0..LEADS.len()).filter(|lead| persons[*lead] == person).map(|lead| LEADS[lead]).collect();
            let roots: BTreeSet<Option<&str>> = members.iter().map(|id| homes.root(id)).collect();
            prop_assert!(roots.len() == 1 && !roots.contains(&None), "{members:?} became {roots:?}");
            let root = roots.into_iter().flatten().next().expect("one");
            let all = facts_of(story.events.iter().filter(|event| members.contains(&&*event.lead_id)));
            let Some(lead) = homes.leads.get(root) else { continue };
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            encode_facts(&lead.facts, &mut found);
            encode_facts(&all, &mut expected);
            prop_assert_eq!(&lead.facts, &all);
            prop_assert_eq!(found, expected);
            let others: Vec<&str> = members.iter().copied().filter(|id| *id != root).collect();
            let aliases: Vec<&str> = lead.identity.aliases.iter().map(|id| &**id).collect();
            prop_assert_eq!(aliases, others);
            prop_assert!(members.iter().all(|id| *id == root || homes.leads[*id].episode.open().is_none()));
        }
    }
}
