//! What is said of a READY after it went out: nobody acts on it, or nobody needs to any more.

use super::words::counted;
use super::{Who, Words};
use crate::scoring::decision::Reason;
use crate::scoring::episode::Ready;

const MINUTE_MS: i64 = 60_000;

/// A later word about a READY, at the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later<'a> {
    pub(crate) ready: &'a Ready,
    pub(crate) reason: Reason,
    /// The clock, ms since the epoch.
    pub(crate) now_ms: i64,
}

impl Later<'_> {
    /// An erased lead is not named.
    pub(super) fn words(self, who: &Who) -> Words {
        let (en, ja) = (who.en(), who.ja());
        let [wait_en, wait_ja] = waited(self.now_ms - self.ready.as_of_ms);
        match self.reason {
            Reason::Breach => [
                format!("{en} has been waiting for an answer for {wait_en}: somebody must answer now."),
                format!("{ja}を{wait_ja}お待たせしています。至急ご対応ください。"),
            ],
            Reason::Abandoned => [
                format!(
                    "{en} has been waiting for an answer for {wait_en}: hand it to somebody who can, and apologise first."
                ),
                format!(
                    "{ja}を{wait_ja}お待たせしたままです。対応できる方へ引き継ぎ、まずお待たせしたことをお詫びしてください。"
                ),
            ],
            Reason::Erased => [
                "A lead was erased: do not contact it, and delete what you noted.".into(),
                "お客様の情報が削除されました。ご連絡はせず、お手元の記録も破棄してください。".into(),
            ],
            Reason::Expired if self.now_ms >= self.ready.expires_ms => {
                let [what_en, what_ja] = self.ready.lane.names().what;
                [
                    format!("{en}: {what_en} is not on record within its time, so this task is closed."),
                    format!("{ja}への{what_ja}は期限内に記録がないため、このご依頼は終了とします。"),
                ]
            }
            _ => {
                let ([what_en, what_ja], [why_en, why_ja]) = (self.ready.lane.names().what, self.void());
                [
                    format!("{en}: {what_en} is called off, {why_en}."),
                    format!("{ja}への{what_ja}は見合わせてください。{why_ja}。"),
                ]
            }
        }
    }

    /// Why it stands no more.
    fn void(self) -> [&'static str; 2] {
        match self.reason {
            Reason::ConsentLost => {
                ["as this channel may no longer be used", "この手段でのご連絡が許可されなくなったためです"]
            }
            Reason::Complaint => {
                ["as a complaint or support issue comes first", "苦情・お困りごとへの対応を優先するためです"]
            }
            Reason::Purchased => ["as there was a purchase or the deal was won", "ご購入またはご成約があったためです"],
            Reason::ScoreFell => ["as interest has cooled down", "ご関心が落ち着いたためです"],
            Reason::Superseded => ["as something more urgent came up", "より優先すべきご連絡ができたためです"],
            Reason::Merged => ["as this lead is the same as another one", "別のお客様と同じ方とわかったためです"],
            Reason::Expired | Reason::Breach | Reason::Abandoned | Reason::Erased => {
                ["as the deal was lost", "今回は見送りとなったためです"]
            }
        }
    }
}

/// In minutes up to two hours, then in whole hours.
fn waited(for_ms: i64) -> [String; 2] {
    let minutes = for_ms / MINUTE_MS;
    if minutes < 120 {
        [counted(minutes, "minute"), format!("{minutes}分")]
    } else {
        [counted(minutes / 60, "hour"), format!("{}時間", minutes / 60)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::decision::{Basis, DecisionId};
    use crate::scoring::lanes::Lane;
    use crate::scoring::model::Channel;

    fn check(lane: Lane, reason: Reason, minutes: i64, expected: [&str; 2]) {
        let who = Who { company: Some("ACME".into()), name: Some("田中".into()), lead_id: "L1".into() };
        let ready = Ready {
            id: DecisionId([0; 16]),
            lane,
            as_of_ms: 0,
            due_ms: 5 * MINUTE_MS,
            expires_ms: 4320 * MINUTE_MS,
            channel: Channel::Person,
            basis: Basis::Reply,
            accepted: false,
            last_try: false,
            breach_ms: None,
            abandoned_ms: None,
        };
        assert_eq!(Later { ready: &ready, reason, now_ms: minutes * MINUTE_MS }.words(&who), expected);
    }

    #[test]
    fn what_becomes_of_a_ready_reads_well() {
        check(
            Lane::Instant,
            Reason::Breach,
            60,
            [
                "田中 (ACME) has been waiting for an answer for 60 minutes: somebody must answer now.",
                "ACME 田中様を60分お待たせしています。至急ご対応ください。",
            ],
        );
        check(
            Lane::Instant,
            Reason::Abandoned,
            1440,
            [
                "田中 (ACME) has been waiting for an answer for 24 hours: hand it to somebody who can, and apologise first.",
                "ACME 田中様を24時間お待たせしたままです。対応できる方へ引き継ぎ、まずお待たせしたことをお詫びしてください。",
            ],
        );
        check(
            Lane::Score,
            Reason::Expired,
            4320,
            [
                "田中 (ACME): the proposal is not on record within its time, so this task is closed.",
                "ACME 田中様へのご提案は期限内に記録がないため、このご依頼は終了とします。",
            ],
        );
        check(
            Lane::Neglect,
            Reason::Expired,
            4319,
            [
                "田中 (ACME): the check-in is called off, as the deal was lost.",
                "ACME 田中様へのご様子伺いは見合わせてください。今回は見送りとなったためです。",
            ],
        );
        check(
            Lane::FanAtRisk,
            Reason::Erased,
            1,
            [
                "A lead was erased: do not contact it, and delete what you noted.",
                "お客様の情報が削除されました。ご連絡はせず、お手元の記録も破棄してください。",
            ],
        );
    }
}
