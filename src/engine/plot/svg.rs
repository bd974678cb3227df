//! A plot as a drawing in a page: axes with figures, bands of the threshold, the line, and the same in words.

use super::{Picture, told};
use crate::base::level::Level;
use crate::model::measure::{Band, Bound, Comparison, Op};
use crate::template::html_text;
use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 628.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 156.0;
/// Characters of a title that are drawn; the whole of it is in the words.
const TITLE: usize = 84;
/// Up to so many points, each has a dot: a line alone would not show how few there are.
const DOTS: usize = 40;

/// The drawing, every text in it escaped.
pub(super) fn draw(picture: &Picture<'_>) -> String {
    let (title, words) = (title(picture), picture.words());
    let (shown, told) = (html_text(&title), html_text(&words));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{shown}: {told}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    let _ = writeln!(svg, "<title>{shown}: {told}</title>");
    if let Some(bands) = bands_in_words(picture) {
        let _ = writeln!(svg, "<desc>{}</desc>", html_text(&bands));
    }
    let _ = writeln!(svg, "<text x=\"0\" y=\"14\" font-size=\"13\">{}</text>", html_text(&cut(&title)));
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ = writeln!(svg, "<text x=\"{middle}\" y=\"172\" text-anchor=\"middle\">{told}</text>");
    if picture.points.is_empty() {
        let y = f64::midpoint(TOP, BOTTOM);
        let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#555\">no samples</text>");
    } else {
        let scale = Scale::of(picture);
        areas(&mut svg, picture, &scale);
        axis(&mut svg, picture, &scale);
        line(&mut svg, picture, &scale);
    }
    times(&mut svg, picture);
    svg.push_str("</svg>");
    svg
}

/// As much of a title as has room.
fn cut(title: &str) -> String {
    match title.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title.to_owned(),
    }
}

/// What is written over it: as said, else what the measure is, with the labels of the series.
fn title(picture: &Picture<'_>) -> String {
    if let Some(title) = &picture.plot.title {
        return title.clone();
    }
    let help = picture.threshold.and_then(|threshold| threshold.help.clone());
    let name = help.unwrap_or_else(|| picture.plot.measure.to_string());
    let labels: Vec<String> = picture.plot.labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if labels.is_empty() { name } else { format!("{name} ({})", labels.join(", ")) }
}

fn bands_in_words(picture: &Picture<'_>) -> Option<String> {
    let bands = picture.threshold?.bands.iter().map(|(level, band)| format!("{level} {}", band.text));
    Some(bands.collect::<Vec<_>>().join(", ")).filter(|words| !words.is_empty())
}

/// The lowest and the highest.
pub(super) fn ends(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// From which value to which, and the figures beside the axis.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Around all points; a band's end that is not far off is taken in, so that one sees how near it is.
    fn of(picture: &Picture<'_>) -> Self {
        let values: Vec<f64> = picture.points.iter().map(|(_, value)| *value).collect();
        let (mut low, mut high) = ends(&values);
        let reach = (high - low).max(high.abs() * 0.5);
        let (least, most) = (low - reach, high + reach);
        for bound in bounds(picture).into_iter().filter(|bound| (least..=most).contains(bound)) {
            (low, high) = (low.min(bound), high.max(bound));
        }
        if high <= low {
            let around = (high.abs() * 0.1).max(1.0);
            (low, high) = (if low >= 0.0 { (low - around).max(0.0) } else { low - around }, high + around);
        }
        let step = step((high - low) / 4.0);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    fn y(&self, value: f64) -> f64 {
        // Of very large numbers, neighbours are too near to be told apart.
        let whole = (self.high - self.low).max(f64::MIN_POSITIVE);
        BOTTOM - ((value - self.low) / whole).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn figures(&self) -> Vec<f64> {
        // A step is a quarter of the height or more, so that these are few.
        let mut figures = vec![self.low];
        while let Some(next) =
            figures.last().map(|last| last + self.step).filter(|next| *next < self.high + self.step / 2.0)
            && figures.len() < 12
        {
            figures.push(next);
        }
        figures
    }
}

/// The next of 1, 2, 5, 10, 20 … from there on.
fn step(least: f64) -> f64 {
    let mut ten = 10_f64.powf(least.abs().max(1e-9).log10().floor());
    loop {
        if let Some(step) = [1.0, 2.0, 5.0].into_iter().map(|times| times * ten).find(|step| *step >= least * 0.999) {
            return step;
        }
        ten *= 10.0;
    }
}

fn bounds(picture: &Picture<'_>) -> Vec<f64> {
    let bands = picture.threshold.into_iter().flat_map(|threshold| &threshold.bands);
    let comparisons = bands.flat_map(|(_, band)| band.any.iter().flatten());
    comparisons.filter_map(number).collect()
}

fn number(comparison: &Comparison) -> Option<f64> {
    match comparison.with {
        Bound::Number(number) => Some(number),
        // What was usual is another number for every sample.
        Bound::OfBaseline(_) => None,
    }
}

/// From where to where a band holds, each of its alternatives.
fn stretches(band: &Band) -> impl Iterator<Item = (f64, f64)> {
    band.any.iter().filter_map(|all| {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for one in all {
            let bound = number(one)?;
            match one.op {
                Op::Less | Op::AtMost => high = high.min(bound),
                Op::More | Op::AtLeast => low = low.max(bound),
                Op::Equal => (low, high) = (low.max(bound), high.min(bound)),
                Op::NotEqual => return None,
            }
        }
        (low < high).then_some((low, high))
    })
}

/// The bands as areas, the worst on top as it is tested first.
fn areas(svg: &mut String, picture: &Picture<'_>, scale: &Scale) {
    let bands = picture.threshold.map(|threshold| threshold.bands.as_slice()).unwrap_or_default();
    for (level, band) in bands.iter().rev() {
        for (low, high) in stretches(band) {
            let (low, high) = (low.max(scale.low), high.min(scale.high));
            if low >= high {
                continue;
            }
            let (top, height) = (scale.y(high), scale.y(low) - scale.y(high));
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{}\" height=\"{height:.1}\" fill=\"{}\"/>",
                RIGHT - LEFT,
                tint(*level)
            );
        }
    }
}

fn tint(level: Level) -> &'static str {
    match level {
        Level::Ok => "#ffffff",
        Level::Notice => "#e3edfb",
        Level::Warning => "#fdf0cd",
        Level::Critical => "#fadbd8",
    }
}

fn axis(svg: &mut String, picture: &Picture<'_>, scale: &Scale) {
    for value in scale.figures() {
        let y = scale.y(value);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ccc\" stroke-width=\"0.5\"/>");
        let (x, y, figure) = (LEFT - 6.0, y + 4.0, html_text(&told(value, picture.unit())));
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"#555\">{figure}</text>");
    }
}

fn line(svg: &mut String, picture: &Picture<'_>, scale: &Scale) {
    let (from, to) = picture.time;
    let whole = to.duration_since(from).as_secs_f64().max(1e-6);
    let x = |at: jiff::Timestamp| LEFT + at.duration_since(from).as_secs_f64() / whole * (RIGHT - LEFT);
    let places = picture.points.iter().map(|(at, value)| (x(*at), scale.y(*value)));
    let places: Vec<(f64, f64)> = places.collect();
    let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fbf\" stroke-width=\"1.5\"/>",
        line.join(" ")
    );
    let dotted = if places.len() <= DOTS { places.as_slice() } else { &places[places.len() - 1..] };
    for (x, y) in dotted {
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"#1f5fbf\"/>");
    }
}

/// When it begins and ends, by the clocks of the book.
fn times(svg: &mut String, picture: &Picture<'_>) {
    let (from, to) = picture.time;
    let days = to.duration_since(from).as_hours() >= 48;
    let pattern = if days { "%Y-%m-%d" } else { "%m-%d %H:%M" };
    for (at, x, anchor) in [(from, LEFT, "start"), (to, RIGHT, "end")] {
        let at = at.to_zoned(picture.zone.clone()).strftime(pattern).to_string();
        let y = BOTTOM + 16.0;
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"#555\">{at}</text>");
    }
}
