//! A plot as a line of text: `▁▂▅▇ min 41 %, max 87 %, last 87 % (7d)`.

use super::Picture;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The line. A stretch of time without samples has no bar: words beside it say how far back it goes.
pub(super) fn draw(picture: &Picture<'_>) -> String {
    let bars = bars(picture.points.iter().map(|(_, value)| Some(*value)));
    let title = picture.plot.title.iter().map(|title| format!("{title}:"));
    let bars = Some(bars).filter(|bars| !bars.is_empty());
    title.chain(bars).chain([picture.words()]).collect::<Vec<_>>().join(" ")
}

/// A bar for each value, from the least to the greatest; a blank where there is none.
pub(crate) fn bars(values: impl Iterator<Item = Option<f64>>) -> String {
    let values: Vec<Option<f64>> = values.collect();
    let (low, high) = super::svg::ends(&values.iter().copied().flatten().collect::<Vec<_>>());
    values.into_iter().map(|value| value.map_or(' ', |value| bar(value, low, high))).collect()
}

fn bar(value: f64, low: f64, high: f64) -> char {
    if high <= low {
        return BARS[3];
    }
    let share = (value - low) / (high - low) * 8.0;
    BARS.into_iter().zip(1_u8..).find(|(_, top)| share < f64::from(*top)).map_or('█', |(bar, _)| bar)
}
