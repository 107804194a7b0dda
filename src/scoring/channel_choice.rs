//! On which channel a lead answers: a smoothed share of the newest touches, the older the less.

use std::cmp::Ordering;

use crate::scoring::calendar::DAY_MS;
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// Weight of what is assumed before anything is known, in touches.
const PRIOR_TOUCHES: f64 = 8.0;
const HALF_LIFE_MS: f64 = 90.0 * DAY_MS as f64;
/// Channels from the least to the most liked where nothing else decides.
const TIES: [Channel; 3] = [Channel::Sns, Channel::Mail, Channel::Person];

/// The best of the channels allowed; none where none is.
pub(crate) fn best(moment: &Moment<'_>, allowed: impl Fn(Channel) -> bool) -> Option<Channel> {
    let rated =
        TIES.into_iter().filter(|channel| allowed(*channel)).map(|channel| (answer_share(moment, channel), channel));
    rated.max_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(Ordering::Equal)).map(|(_, channel)| channel)
}

/// Expected share of touches that are answered.
fn answer_share(moment: &Moment<'_>, channel: Channel) -> f64 {
    let Some(outreach) = &moment.model.channels[channel].outreach else { return 0.0 };
    let (mut answered, mut unanswered) = (0.0, 0.0);
    for (touch, is_answered) in moment.facts.touches_answered().filter(|(touch, _)| touch.channel == channel) {
        let age_ms = moment.read_at_ms - touch.at_ms;
        let weight = libm::exp2(-(age_ms as f64) / HALF_LIFE_MS);
        if is_answered {
            answered += weight;
        } else if age_ms >= outreach.answer_window_ms {
            unanswered += weight;
        }
    }
    (PRIOR_TOUCHES * outreach.answer_prior + answered) / (PRIOR_TOUCHES + answered + unanswered)
}
