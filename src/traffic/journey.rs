//! The journeys that leads make, each drawn from the seed and its number alone.

use rand::distr::Distribution;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::Zipf;
use smallvec::SmallVec;

use super::act::{Act, Planned};
use crate::scoring::event::{
    ChannelSymbol, CommerceKind, ContactKind, Direction, FormPurpose, MailKind, OutcomeKind, PageClass, SnsKind,
    WebKind,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One journey of one lead.
#[derive(Debug)]
pub struct Journey {
    /// Seed of everything in it.
    seed: u64,
    /// Known lead, from 1.
    pub lead: u64,
    /// The lead is not known before `Act::Linked`, or never.
    pub anonymous: bool,
    pub topic: Option<&'static str>,
    pub steps: SmallVec<[Planned; 16]>,
}

impl Journey {
    pub fn plan(seed: u64, number: u64, leads: &Zipf<f64>) -> Journey {
        let seed = mixed(seed, number);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let lead = leads.sample(&mut rng) as u64;
        let topic = *pick(&mut rng, &[None, None, Some("crm"), Some("analytics")]);
        let mut script = Script { rng, at_ms: 0, steps: SmallVec::new() };
        let anonymous = script.any_journey();
        Journey { seed, lead, anonymous, topic, steps: script.steps }
    }

    /// Randomness of one step, apart from the plan's.
    pub fn rng_of(&self, step: usize) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(mixed(self.seed, step as u64 + 1))
    }

    /// A number of its own for each journey of each seed.
    pub fn id(&self) -> u64 {
        self.seed
    }
}

/// Mean count of a journey's steps, by the first ones, that fall into a horizon in which journeys begin at any time.
pub fn mean_steps(seed: u64, leads: &Zipf<f64>, horizon_ms: i64) -> f64 {
    const SAMPLE: u64 = 500;
    let within = |planned: &Planned| (1.0 - planned.after_ms as f64 / horizon_ms.max(1) as f64).max(0.0);
    let steps = |number| Journey::plan(seed, number, leads).steps.iter().map(within).sum::<f64>();
    (0..SAMPLE).map(steps).sum::<f64>() / SAMPLE as f64
}

/// SplitMix64 of both.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn pick<'t, T>(rng: &mut Xoshiro256PlusPlus, from: &'t [T]) -> &'t T {
    &from[rng.random_range(0..from.len())]
}

struct Script {
    rng: Xoshiro256PlusPlus,
    at_ms: i64,
    steps: SmallVec<[Planned; 16]>,
}

impl Script {
    /// Writes one journey; true where its lead is anonymous at first.
    fn any_journey(&mut self) -> bool {
        match self.rng.random_range(0..1000) {
            0..330 => self.visit(),
            330..400 => {
                self.visit();
                return true;
            }
            400..405 => {
                self.registration();
                return true;
            }
            405..560 => self.nurture(),
            560..630 => self.inquiry(),
            630..760 => self.social(),
            760..850 => self.shopping(),
            850..900 => self.exhibition(),
            900..985 => self.profile(),
            _ => self.support(),
        }
        false
    }

    fn wait(&mut self, least_ms: i64, most_ms: i64) -> &mut Script {
        self.at_ms += self.rng.random_range(least_ms..=most_ms);
        self
    }

    fn act(&mut self, act: Act) -> &mut Script {
        self.steps.push(Planned { after_ms: self.at_ms, act });
        self
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.rng.random_ratio(1, count)
    }

    fn visit(&mut self) {
        const PAGES: [PageClass; 9] = [
            PageClass::Home,
            PageClass::Product,
            PageClass::Product,
            PageClass::Pricing,
            PageClass::CaseStudy,
            PageClass::Comparison,
            PageClass::Blog,
            PageClass::Blog,
            PageClass::Other,
        ];
        if self.one_in(8) {
            self.act(Act::Web(WebKind::AdClick)).wait(SECOND, 5 * SECOND);
        }
        for _ in 0..self.rng.random_range(1..=6) {
            let page = *pick(&mut self.rng, &PAGES);
            self.act(Act::Page(page)).wait(4 * SECOND, 4 * MINUTE);
        }
        if self.one_in(10) {
            self.act(Act::Web(WebKind::SiteSearch)).wait(5 * SECOND, MINUTE);
        }
        if self.one_in(60) {
            self.act(Act::Web(WebKind::ChatMessage)).wait(MINUTE, 5 * MINUTE);
        }
        self.act(Act::Web(WebKind::SessionEnd));
    }

    /// A visitor without a name gives one; rarely it is one that we have.
    fn registration(&mut self) {
        self.visit();
        self.wait(2 * DAY, 9 * DAY).visit();
        self.wait(SECOND, MINUTE).act(Act::Form(FormPurpose::Registration));
        self.wait(MINUTE, HOUR).act(Act::Linked);
        self.wait(DAY, 6 * DAY).visit();
    }

    /// A download, and the mails that follow it.
    fn nurture(&mut self) {
        self.act(Act::Page(PageClass::Product)).wait(20 * SECOND, 3 * MINUTE);
        if self.one_in(3) {
            self.act(Act::Form(FormPurpose::MaterialRequest));
        } else {
            self.act(Act::Web(WebKind::Download));
        }
        self.wait(SECOND, 20 * SECOND).act(Act::Granted(ChannelSymbol::Mail));
        for (mail, days) in [0, 3, 7, 14, 28].into_iter().take(self.rng.random_range(2..=5)).enumerate() {
            self.at_ms = self.at_ms.max(days * DAY);
            self.wait(MINUTE, 3 * HOUR).mail(mail as u8);
            if self.one_in(40) {
                self.wait(MINUTE, HOUR).act(Act::Mail {
                    kind: MailKind::Unsubscribed,
                    mail: mail as u8,
                    machine: false,
                });
                return;
            }
        }
    }

    /// A mail, what machines do with it, and what its reader does.
    fn mail(&mut self, mail: u8) {
        let of = |kind, machine| Act::Mail { kind, mail, machine };
        self.act(of(MailKind::Sent, false));
        if self.one_in(50) {
            self.wait(SECOND, MINUTE).act(of(MailKind::BouncedHard, false));
            return;
        }
        self.wait(SECOND, 20 * SECOND).act(of(MailKind::Delivered, false));
        if self.one_in(2) {
            self.wait(SECOND, 2 * MINUTE).act(of(MailKind::Opened, true));
        }
        if self.one_in(6) {
            self.wait(SECOND, 5 * SECOND).act(of(MailKind::Clicked, true));
        }
        if self.one_in(3) {
            self.wait(10 * MINUTE, 20 * HOUR).act(of(MailKind::Opened, false));
        }
        if self.one_in(5) {
            self.wait(5 * SECOND, MINUTE).act(of(MailKind::Clicked, false));
            self.wait(SECOND, 3 * SECOND).act(Act::Page(PageClass::CaseStudy));
        }
        if self.one_in(30) {
            self.wait(MINUTE, 5 * HOUR).act(of(MailKind::Replied, false));
        }
    }

    /// An inquiry, whether sales reacts, and what becomes of it.
    fn inquiry(&mut self) {
        const PURPOSES: [FormPurpose; 4] =
            [FormPurpose::Inquiry, FormPurpose::Inquiry, FormPurpose::Quote, FormPurpose::Trial];
        self.act(Act::Page(PageClass::Pricing)).wait(MINUTE, 4 * MINUTE);
        self.act(Act::Web(WebKind::FormStart)).wait(30 * SECOND, 5 * MINUTE);
        let purpose = *pick(&mut self.rng, &PURPOSES);
        self.act(Act::Form(purpose));
        if self.one_in(4) {
            return; // Nobody answers: the case that the pipeline exists for.
        }
        self.wait(2 * MINUTE, 50 * MINUTE).act(Act::Outcome(OutcomeKind::Accepted));
        self.wait(MINUTE, 20 * MINUTE).act(Act::Contact(ContactKind::CallAttempt, Direction::Outbound));
        if self.one_in(3) {
            self.wait(DAY, 2 * DAY).act(Act::Contact(ContactKind::CallAttempt, Direction::Outbound));
            if self.one_in(2) {
                self.wait(HOUR, DAY).act(Act::Outcome(OutcomeKind::Ignored));
                return;
            }
        }
        self.wait(SECOND, MINUTE).act(Act::Contact(ContactKind::CallAnswered, Direction::Outbound));
        self.wait(MINUTE, HOUR).act(Act::Outcome(OutcomeKind::Responded));
        if self.one_in(2) {
            self.deal();
        }
    }

    fn deal(&mut self) {
        self.wait(HOUR, DAY).act(Act::Bant);
        self.wait(2 * DAY, 9 * DAY).act(Act::Contact(ContactKind::Meeting, Direction::Inbound));
        self.wait(HOUR, DAY).act(Act::Outcome(OutcomeKind::MeetingSet));
        self.wait(2 * DAY, 8 * DAY).act(Act::Contact(ContactKind::Proposal, Direction::Outbound));
        self.wait(5 * DAY, 20 * DAY);
        if self.one_in(2) {
            self.act(Act::Outcome(OutcomeKind::Won)).wait(HOUR, DAY).act(Act::Commerce(CommerceKind::Purchase));
        } else {
            self.act(Act::Commerce(CommerceKind::DealLost));
        }
    }

    fn social(&mut self) {
        const ACTS: [SnsKind; 8] = [
            SnsKind::Like,
            SnsKind::Like,
            SnsKind::Like,
            SnsKind::Comment,
            SnsKind::Share,
            SnsKind::Mention,
            SnsKind::VideoPlay,
            SnsKind::VideoComplete,
        ];
        if self.one_in(4) {
            self.act(Act::Sns(SnsKind::Follow, Direction::Inbound)).wait(MINUTE, DAY);
        }
        for _ in 0..self.rng.random_range(1..=4) {
            let kind = *pick(&mut self.rng, &ACTS);
            self.act(Act::Sns(kind, Direction::Inbound)).wait(MINUTE, 2 * DAY);
        }
        if self.one_in(12) {
            self.act(Act::Sns(SnsKind::Dm, Direction::Inbound)).wait(MINUTE, 40 * MINUTE);
            self.act(Act::Sns(SnsKind::Reply, Direction::Outbound));
        }
        if self.one_in(100) {
            self.wait(HOUR, DAY).act(Act::Sns(SnsKind::Block, Direction::Inbound));
        }
    }

    fn shopping(&mut self) {
        self.act(Act::Page(PageClass::Product)).wait(MINUTE, 5 * MINUTE);
        self.act(Act::Web(WebKind::PriceCheck)).wait(10 * SECOND, 2 * MINUTE);
        self.act(Act::Web(WebKind::CartAdd)).wait(30 * SECOND, 10 * MINUTE);
        if self.one_in(2) {
            self.wait(20 * MINUTE, HOUR).act(Act::Web(WebKind::CartAbandon));
            return;
        }
        self.act(Act::Commerce(CommerceKind::Purchase));
        if self.one_in(4) {
            self.wait(DAY, 6 * DAY).act(Act::Web(WebKind::ReviewView));
        }
        if self.one_in(25) {
            self.wait(2 * DAY, 12 * DAY).act(Act::Commerce(CommerceKind::Refund));
        } else if self.one_in(3) {
            self.wait(20 * DAY, 45 * DAY).act(Act::Commerce(CommerceKind::CouponRedeemed));
        }
    }

    fn exhibition(&mut self) {
        let inbound = |kind| Act::Contact(kind, Direction::Inbound);
        self.act(inbound(ContactKind::EventRegistered)).wait(5 * DAY, 20 * DAY);
        match self.rng.random_range(0..4) {
            0 => self.act(inbound(ContactKind::WebinarNoShow)),
            1 => self.act(inbound(ContactKind::BadgeScan)),
            2 => self.act(inbound(ContactKind::BoothVisit)),
            _ => self.act(inbound(ContactKind::WebinarAttended)),
        };
        self.wait(HOUR, 5 * HOUR).act(inbound(ContactKind::SurveyAnswered));
        if self.one_in(8) {
            self.wait(HOUR, DAY).act(inbound(ContactKind::MeetingRequested));
        }
    }

    fn profile(&mut self) {
        self.act(Act::Attributes);
        if self.one_in(3) {
            self.wait(SECOND, MINUTE).act(Act::Owner);
        }
        match self.rng.random_range(0..12) {
            0..3 => self.wait(SECOND, HOUR).act(Act::Granted(ChannelSymbol::Mail)),
            3 => self.wait(SECOND, HOUR).act(Act::Granted(ChannelSymbol::Sns)),
            4 => self.wait(HOUR, DAY).act(Act::Revoked(ChannelSymbol::Mail)),
            _ => self,
        };
    }

    fn support(&mut self) {
        let kind = if self.one_in(3) { ContactKind::Complaint } else { ContactKind::SupportIssue };
        self.act(Act::Contact(kind, Direction::Inbound));
        if !self.one_in(4) {
            self.wait(HOUR, 3 * DAY).act(Act::Contact(ContactKind::SupportResolved, Direction::Outbound));
        }
    }
}
