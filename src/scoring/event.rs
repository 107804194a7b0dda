//! What happened to one lead: decoded, valid facts, borrowed from the record where they can be.
//!
//! The types mirror `schemas/*.avsc`, with the same field names and symbols, so that one derive reads Avro and JSON
//! alike. They carry only what the model reads; writers may send more.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

/// One interaction event, any topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Unique at its source; a repetition within 48 h of append time changes nothing.
    pub event_id: Cow<'a, str>,
    /// The lead that the writer named. A redirect may apply it to another one.
    pub lead_id: Cow<'a, str>,
    /// Event time, ms since the epoch, UTC.
    pub occurred_at_ms: i64,
    pub account_id: Option<Cow<'a, str>>,
    /// Product or interest; only topics that the model declares count.
    pub topic: Option<Cow<'a, str>>,
    /// A prefetcher, link scanner or bot acted, not a human.
    pub machine: bool,
    pub body: Body<'a>,
}

/// What the event says beyond the common fields, by input kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    Web(Web<'a>),
    Mail(Mail<'a>),
    Sns(Sns<'a>),
    Contact(Contact<'a>),
    Commerce(Commerce<'a>),
    /// Boxed: it is rare, and three times as large as any other.
    Profile(Box<Profile<'a>>),
    Outcome(Outcome<'a>),
}

/// The kinds of input topics, one Avro schema each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    Web,
    Mail,
    Sns,
    Contact,
    Commerce,
    Profile,
    Outcome,
}

impl InputKind {
    /// In the order of declaration.
    pub const ALL: [InputKind; 7] = [
        InputKind::Web,
        InputKind::Mail,
        InputKind::Sns,
        InputKind::Contact,
        InputKind::Commerce,
        InputKind::Profile,
        InputKind::Outcome,
    ];

    /// The name in configuration and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            InputKind::Web => "web",
            InputKind::Mail => "mail",
            InputKind::Sns => "sns",
            InputKind::Contact => "contact",
            InputKind::Commerce => "commerce",
            InputKind::Profile => "profile",
            InputKind::Outcome => "outcome",
        }
    }

    pub fn parse(text: &str) -> Option<InputKind> {
        InputKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Declares a symbol enum of a schema: snake_case names on the wire, `Unknown` for what this reader does not know.
macro_rules! symbols {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Deserialize, serde::Serialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant,)+
            #[default]
            #[serde(rename = "unknown", other)]
            Unknown,
        }

        impl $name {
            /// Every symbol this reader knows, without `Unknown`.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The symbol as schemas and model files write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $name::Unknown => "unknown",
                    $($name::$variant => $text,)+
                }
            }

            /// The symbol of that name; `None` for an unknown one.
            pub fn parse(text: &str) -> Option<$name> {
                match text {
                    $($text => Some($name::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

symbols!(WebKind {
    PageView = "page_view", SessionEnd = "session_end", SiteSearch = "site_search", Download = "download",
    FormStart = "form_start", FormSubmit = "form_submit", AdImpression = "ad_impression", AdClick = "ad_click",
    CartAdd = "cart_add", CartAbandon = "cart_abandon", PriceCheck = "price_check", ReviewView = "review_view",
    AppOpen = "app_open", PushOpen = "push_open", ChatMessage = "chat_message",
});
symbols!(PageClass {
    Other = "other", Home = "home", Product = "product", Pricing = "pricing", CaseStudy = "case_study",
    Comparison = "comparison", Blog = "blog", Support = "support", Careers = "careers",
});
symbols!(FormPurpose {
    None = "none", Inquiry = "inquiry", MaterialRequest = "material_request", Registration = "registration",
    Newsletter = "newsletter", Event = "event", Trial = "trial", Quote = "quote",
});
symbols!(MailKind {
    Sent = "sent", Delivered = "delivered", Opened = "opened", Clicked = "clicked", Replied = "replied",
    BouncedHard = "bounced_hard", BouncedSoft = "bounced_soft", Complained = "complained",
    Unsubscribed = "unsubscribed", Resubscribed = "resubscribed",
});
symbols!(
    /// Why we contact: consent is given per channel and purpose.
    Purpose { Marketing = "marketing", Transactional = "transactional", Reply = "reply" }
);
symbols!(SnsKind {
    Follow = "follow", Unfollow = "unfollow", Block = "block", Mute = "mute", Like = "like", Comment = "comment",
    Share = "share", Mention = "mention", HashtagPost = "hashtag_post", Dm = "dm", Reply = "reply",
    Unsend = "unsend", VideoPlay = "video_play", VideoComplete = "video_complete",
});
symbols!(Network {
    X = "x", Instagram = "instagram", Line = "line", Youtube = "youtube", Facebook = "facebook",
    Linkedin = "linkedin", Tiktok = "tiktok", Other = "other",
});
symbols!(
    /// Who acted: inbound is the lead, outbound is us.
    Direction { Inbound = "inbound", Outbound = "outbound" }
);
symbols!(ContactKind {
    CallAttempt = "call_attempt", CallAnswered = "call_answered", CallRefused = "call_refused",
    CallcenterCall = "callcenter_call", Visit = "visit", StoreVisit = "store_visit", Meeting = "meeting",
    MeetingRequested = "meeting_requested", Proposal = "proposal", Demo = "demo", BoothVisit = "booth_visit",
    BadgeScan = "badge_scan", EventRegistered = "event_registered", WebinarAttended = "webinar_attended",
    WebinarNoShow = "webinar_no_show", FactoryTour = "factory_tour", DirectMailSent = "direct_mail_sent",
    SurveyAnswered = "survey_answered", ReferralMade = "referral_made", SupportIssue = "support_issue",
    SupportResolved = "support_resolved", Complaint = "complaint",
});
symbols!(CommerceKind {
    Purchase = "purchase", Refund = "refund", SampleRequested = "sample_requested", CouponIssued = "coupon_issued",
    CouponRedeemed = "coupon_redeemed", PointcardUsed = "pointcard_used", DealStageChanged = "deal_stage_changed",
    DealLost = "deal_lost",
});
symbols!(ProfileKind {
    AttributesChanged = "attributes_changed", ConsentGranted = "consent_granted",
    ConsentRevoked = "consent_revoked", IdentityLinked = "identity_linked", IdentityUnlinked = "identity_unlinked",
    OwnerAssigned = "owner_assigned", BantUpdated = "bant_updated", Erased = "erased",
});
symbols!(
    /// A channel of contact as records name it; `scoring::model::Channel` is the closed set the model computes with.
    ChannelSymbol { Web = "web", Mail = "mail", Sns = "sns", Person = "person", Purchase = "purchase" }
);
symbols!(OutcomeKind {
    Accepted = "accepted", Rejected = "rejected", Contacted = "contacted", Responded = "responded",
    MeetingSet = "meeting_set", Won = "won", Lost = "lost", Ignored = "ignored",
});

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Web<'a> {
    pub kind: WebKind,
    pub page_class: PageClass,
    pub form_purpose: FormPurpose,
    pub content_kind: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mail<'a> {
    pub kind: MailKind,
    /// Empty where the writer gave none: then the mail meets no answer.
    pub message_id: Cow<'a, str>,
    pub content_kind: Option<Cow<'a, str>>,
    pub purpose: Purpose,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sns<'a> {
    pub kind: SnsKind,
    pub network: Network,
    pub direction: Direction,
    pub thread_id: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contact<'a> {
    pub kind: ContactKind,
    pub direction: Direction,
    pub decision_id: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commerce<'a> {
    pub kind: CommerceKind,
    pub order_id: Option<Cow<'a, str>>,
    pub reason: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile<'a> {
    pub kind: ProfileKind,
    /// New values by name; `None` removes one.
    pub attributes: BTreeMap<Cow<'a, str>, Option<Cow<'a, str>>>,
    pub channel: ChannelSymbol,
    pub purpose: Purpose,
    /// When a granted consent ends, ms since the epoch.
    pub expires_at_ms: Option<i64>,
    pub linked_lead_id: Option<Cow<'a, str>>,
    pub owner_id: Option<Cow<'a, str>>,
    pub owner_role: Option<Cow<'a, str>>,
    pub bant_budget: Option<Cow<'a, str>>,
    pub bant_authority: Option<Cow<'a, str>>,
    pub bant_need: Option<Cow<'a, str>>,
    /// When the lead means to decide, days since the epoch.
    pub bant_timeline: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome<'a> {
    pub kind: OutcomeKind,
    pub decision_id: Cow<'a, str>,
    pub reason: Option<Cow<'a, str>>,
    pub owner_id: Option<Cow<'a, str>>,
    pub channel: ChannelSymbol,
}
