//! Curves from 0 upwards as lines of text: one sign a curve, plain characters, within 80 columns.

/// Places along x and y.
const WIDTH: usize = 65;
const HEIGHT: usize = 11;

/// y by x.
type Curve<'f> = Box<dyn Fn(f64) -> f64 + 'f>;

/// Curves over the same x.
pub struct Plot<'f> {
    x_max: f64,
    y_max: f64,
    /// What x counts.
    x_name: &'static str,
    curves: Vec<(char, Curve<'f>)>,
}

impl<'f> Plot<'f> {
    /// x from 0 to `x_max`, y from 0 to `y_max`, both above 0.
    pub fn new(x_max: f64, y_max: f64, x_name: &'static str) -> Plot<'f> {
        Plot { x_max, y_max, x_name, curves: Vec::new() }
    }

    /// Where curves meet, the first one is seen.
    #[must_use]
    pub fn with(mut self, sign: char, curve: impl Fn(f64) -> f64 + 'f) -> Plot<'f> {
        self.curves.push((sign, Box::new(curve)));
        self
    }

    /// The lines, each ended by a line feed.
    pub fn draw(&self) -> String {
        let mut columns = [[' '; HEIGHT]; WIDTH];
        for (sign, curve) in self.curves.iter().rev() {
            for (place, column) in columns.iter_mut().enumerate() {
                let x = self.x_max * place as f64 / (WIDTH - 1) as f64;
                let height = (curve(x) / self.y_max).clamp(0.0, 1.0);
                column[HEIGHT - 1 - (height * (HEIGHT - 1) as f64).round() as usize] = *sign;
            }
        }
        let mut out = String::new();
        for place in 0..HEIGHT {
            let row: String = columns.iter().map(|column| column[place]).collect();
            let share = (HEIGHT - 1 - place) as f64 / (HEIGHT - 1) as f64;
            let label = if place % (HEIGHT / 2) == 0 { format!("{:.2}", self.y_max * share) } else { String::new() };
            out += &format!("{label:>5} |{}\n", row.trim_end());
        }
        out + &self.x_axis()
    }

    fn x_axis(&self) -> String {
        const PARTS: usize = 4;
        let step = (WIDTH - 1) / PARTS;
        let mut labels = String::new();
        for part in 0..=PARTS {
            let place = 7 + part * step;
            let label = crate::scoring::model::number(self.x_max * (part * step) as f64 / (WIDTH - 1) as f64);
            labels = format!("{labels:place$}{label}");
        }
        let ticks: String = (0..WIDTH).map(|place| if place % step == 0 { '+' } else { '-' }).collect();
        format!("      |{ticks}\n{labels}\n       {}\n", self.x_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_where_their_values_are() {
        let plot = Plot::new(130.0, 2.0, "days").with('r', |x| x / 65.0).with('c', |_| 1.0);
        let drawn = plot.draw();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 3);
        assert!(lines[0].starts_with(" 2.00 |") && lines[0].ends_with('r'), "{drawn}");
        assert!(lines[HEIGHT - 1].starts_with(" 0.00 |r"), "{drawn}");
        let middle = &lines[HEIGHT / 2][7..];
        assert!(middle.contains('r') && middle.starts_with('c') && middle.ends_with('c'), "{drawn}");
        assert!(lines[HEIGHT + 1].starts_with("       0") && lines[HEIGHT + 2].contains("days"), "{drawn}");
        assert!(lines.iter().all(|line| line.len() <= 80 && line.is_ascii()), "{drawn}");
    }

    #[test]
    fn values_outside_are_drawn_at_the_edge() {
        let drawn = Plot::new(1.0, 1.0, "x").with('a', |_| 7.0).with('b', |_| f64::NEG_INFINITY).draw();
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(lines[0].contains("aaa") && lines[HEIGHT - 1].contains("bbb"), "{drawn}");
    }
}
