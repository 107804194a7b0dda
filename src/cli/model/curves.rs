//! The curves that a model's numbers make: familiarity, fatigue, decay, and where contact is best left alone.

use std::fmt::Write;

use super::plot::Plot;
use crate::scoring::model::{Channel, Model, length, number};

/// Days between touches that are looked at.
const PACES: [u16; 4] = [1, 2, 3, 7];
/// Touches that the curves of affinity show.
const PEAK_TOUCHES: u16 = 28;
/// Touches after which affinity that still rises is said to rise for ever.
const TOUCHES_MAX: u16 = 400;

/// All curves, each under a line that says what is seen.
pub fn draw(model: &Model) -> String {
    [familiarity(model), fatigue(model), decay(model), peak(model)].join("\n")
}

fn familiarity(model: &Model) -> String {
    let scale = model.readiness.familiarity_scale;
    let plot = Plot::new(5.0 * scale, 1.0, "weighted contact days").with('*', |days| -libm::expm1(-days / scale));
    let head = "Familiarity by contact days: F = 1 - exp(-E/kappa)";
    let ninety = number(scale * std::f64::consts::LN_10);
    format!("{head}\n{}63 % after kappa = {} weighted contact days, 90 % after {ninety}\n", plot.draw(), number(scale))
}

fn fatigue(model: &Model) -> String {
    let (scale, max) = (model.readiness.fatigue_scale, model.readiness.pressure_max);
    let plot =
        Plot::new(2.0 * scale, 1.0, "pressure of our touches").with('*', |pressure| libm::exp(-pressure / scale));
    format!(
        "Fatigue by pressure: what is left of familiarity, exp(-P/phi)\n{}phi = {}; pressure halves in {}; above {} \
         ({} % left) only a hand-raise speaks\n",
        plot.draw(),
        number(scale),
        length(model.readiness.pressure_half_life_ms),
        number(max),
        number((100.0 * libm::exp(-max / scale)).round()),
    )
}

/// Channels of one half-life are one curve.
fn decay(model: &Model) -> String {
    let mut groups: Vec<(i64, Vec<Channel>)> = Vec::new();
    for channel in Channel::ALL {
        let half_life_ms = model.channels[channel].half_life_ms;
        match groups.iter_mut().find(|(known_ms, _)| *known_ms == half_life_ms) {
            Some((_, channels)) => channels.push(channel),
            None => groups.push((half_life_ms, vec![channel])),
        }
    }
    let longest_ms = groups.iter().map(|(half_life_ms, _)| *half_life_ms).max().unwrap_or_default();
    let mut plot = Plot::new(2.0 * longest_ms as f64 / 86_400_000.0, 1.0, "days since the event");
    let mut legend = String::new();
    for (half_life_ms, channels) in &groups {
        let names: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
        let sign = sign(channels[0]);
        let _ = write!(
            legend,
            "{}{sign} {} {}",
            if legend.is_empty() { "" } else { "   " },
            names.join(", "),
            length(*half_life_ms)
        );
        let decay = &model.channels[channels[0]].decay;
        plot = plot.with(sign, |days| decay.after(days));
    }
    format!("Decay of points by channel, with half-lives\n{}{legend}\n", plot.draw())
}

fn sign(channel: Channel) -> char {
    match channel {
        Channel::Web => 'w',
        Channel::Mail => 'm',
        Channel::Sns => 's',
        Channel::Person => 'p',
        Channel::Purchase => 'b', // what was bought
    }
}

fn peak(model: &Model) -> String {
    let greatest =
        (1..=PEAK_TOUCHES).flat_map(|touches| PACES.map(|days| affinity(model, Channel::Mail, touches, days)));
    let y_max = ((greatest.fold(0.0, f64::max) * 10.0).ceil() / 10.0).max(0.1);
    let mut plot = Plot::new(f64::from(PEAK_TOUCHES), y_max, "mails sent, none answered");
    for (sign, days) in ['1', '2', '3', '7'].into_iter().zip(PACES) {
        plot = plot.with(sign, move |touches| affinity(model, Channel::Mail, touches.round() as u16, days));
    }
    let mut out = "Affinity by touches: familiarity first, then fatigue\n".to_owned() + &plot.draw();
    out += "1 daily   2 every 2 days   3 every 3 days   7 weekly\n\n";
    out += "Affinity is greatest at touch   all at once   daily   2 days   3 days   weekly\n";
    for channel in Channel::OUTREACH {
        let at_once =
            static_peak(model, channel).map_or_else(|| "never".to_owned(), |touches| format!("n* = {touches:.2}"));
        let _ = write!(out, "  {:<30}{at_once:<11}", channel.as_str());
        for (days, width) in PACES.into_iter().zip([8, 9, 9, 9]) {
            let at = self::touches_at_peak(model, channel, days)
                .map_or_else(|| "never".to_owned(), |touches| touches.to_string());
            let _ = write!(out, "{at:>width$}");
        }
        out.push('\n');
    }
    out + "never: it goes on rising, ever more slowly. n* = kappa/v ln(1 + v phi/(q kappa))\n"
}

/// A after so many touches that nobody answered, one every so many days, read at the last one.
fn affinity(model: &Model, channel: Channel, touches: u16, every_days: u16) -> f64 {
    let (rules, readiness) = (&model.channels[channel], &model.readiness);
    let pressure_half_life_days = readiness.pressure_half_life_ms as f64 / 86_400_000.0;
    let ages = (0..touches).map(|touch| f64::from(touch) * f64::from(every_days));
    let (exposure, pressure) = ages.fold((0.0, 0.0), |(exposure, pressure), days| {
        let left = libm::exp2(-days / pressure_half_life_days);
        (exposure + rules.exposure_weight * rules.exposure_decay.after(days), pressure + rules.pressure * left)
    });
    -libm::expm1(-exposure / readiness.familiarity_scale) * libm::exp(-pressure / readiness.fatigue_scale)
}

/// The touch after which affinity falls; `None` where it never does.
fn touches_at_peak(model: &Model, channel: Channel, every_days: u16) -> Option<u16> {
    let affinity = |touches| affinity(model, channel, touches, every_days);
    (1..TOUCHES_MAX).find(|touches| affinity(touches + 1) < affinity(*touches) - 1e-12)
}

/// n*: the peak if nothing decayed between the touches; `None` where a touch has no pressure or says nothing.
fn static_peak(model: &Model, channel: Channel) -> Option<f64> {
    let (rules, readiness) = (&model.channels[channel], &model.readiness);
    let (weight, pressure) = (rules.exposure_weight, rules.pressure);
    let scale = readiness.familiarity_scale;
    let peak = scale / weight * libm::log1p(weight * readiness.fatigue_scale / (pressure * scale));
    peak.is_finite().then_some(peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::parse(include_str!("../../../deploy/models/b2b-saas.toml"), "b2b-saas.toml").unwrap()
    }

    #[test]
    fn peaks_are_those_of_the_model_text() {
        let model = model();
        assert!((static_peak(&model, Channel::Mail).unwrap() - 6.1098).abs() < 1e-3);
        let found = PACES.map(|days| touches_at_peak(&model, Channel::Mail, days));
        assert_eq!(found, [Some(7), Some(9), Some(13), None]);
    }

    #[test]
    fn a_channel_without_pressure_has_no_peak() {
        let mut model = model();
        model.channels[Channel::Mail].pressure = 0.0;
        assert_eq!((static_peak(&model, Channel::Mail), touches_at_peak(&model, Channel::Mail, 1)), (None, None));
        model.channels[Channel::Mail].exposure_weight = 0.0;
        assert_eq!(static_peak(&model, Channel::Mail), None);
        assert!(draw(&model).contains("never"));
    }

    #[test]
    fn all_is_drawn_within_eighty_columns() {
        for model in super::super::tests::deployed() {
            let drawn = draw(&model);
            for part in ["Familiarity", "Fatigue", "Decay", "n* = "] {
                assert!(drawn.contains(part), "{part}\n{drawn}");
            }
            assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
        }
    }
}
