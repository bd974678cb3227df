//! `measures`: what was measured last, and what was measured when.

use crate::api::wire::{MeasureAsked, MeasurePast, MeasureRow};
use crate::base::level::Level;
use crate::base::span::Span;
use crate::cli::args::Measures;
use crate::cli::command::next::{Day, instant};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, ago};
use crate::cli::{output, shelf};
use crate::diagnostic::render::Style;
use crate::engine::plot::bars;
use crate::model::measure::figure;
use crate::runtime::clock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Lists series, or shows one measure's past.
pub async fn run(args: &Measures, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let zone = TimeZone::get(&shelf::load(&book)?.book.settings.timezone).unwrap_or(TimeZone::UTC);
    let Some(measure) = &args.measure else { return list(args, settings).await };
    let asked = asked(args, &zone)?;
    let door = Door::open(settings, &book, Purpose::Look).await?;
    let found = door.past(measure, &asked).await?;
    if args.json {
        lines(&found)?;
    } else if found.iter().all(|series| series.points.is_empty()) {
        output::aside(&format!("nothing of `{measure}` was measured in that time"));
    } else {
        let shown: Vec<String> =
            found.iter().map(|series| past(series, args.table, (&asked, &zone), settings.out)).collect();
        output::data(&shown.join("\n"))?;
    }
    Ok(Exit::Fine)
}

async fn list(args: &Measures, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let rows = door.measures().await?;
    if args.json {
        lines(&rows)?;
    } else if rows.is_empty() {
        output::aside("nothing was measured yet: `measure:` of a step does, and `thresholds.yaml` says what it means");
    } else {
        let head = ["measure", "labels", "last", "level", "when", ""];
        let mut cells = vec![head.map(|word| Cell::new(word, Tone::Dim)).to_vec()];
        cells.extend(rows.iter().map(|row| line(row, clock::now())));
        output::data(&table(&cells, settings.out))?;
    }
    Ok(Exit::Fine)
}

fn lines<T: serde::Serialize>(rows: &[T]) -> Result<(), Trouble> {
    for row in rows {
        output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
    }
    Ok(())
}

fn asked(args: &Measures, zone: &TimeZone) -> Result<MeasureAsked, Trouble> {
    let time = |text: &Option<String>, what| match text.as_deref() {
        Some("now") => Ok(Some(clock::now())),
        Some(text) => instant(text, zone, Day::Passed, what).map(Some),
        None => Ok(None),
    };
    let (mut from, to) = (time(&args.from, "--from")?, time(&args.to, "--to")?);
    if let Some(last) = &args.last {
        let span = Span::parse(last)
            .map_err(|reason| Trouble::new(format!("--last: {reason}")).help("write it like `6h` or `30d`"))?;
        from = to.unwrap_or_else(clock::now).checked_sub(SignedDuration::from(span)).ok();
    }
    let labels = args.labels.iter().map(|pair| {
        if pair.contains('=') {
            return Ok(pair.replace('\\', "\\\\").replace(',', "\\,"));
        }
        Err(Trouble::new(format!("`{pair}` is no label")).help("write it like `mount=/`"))
    });
    let labels = labels.collect::<Result<Vec<_>, _>>()?;
    // Both ends are said, so that what is shown is what was asked for.
    let to = Some(to.unwrap_or_else(clock::now));
    let from = from.or_else(|| to.and_then(|to| to.checked_sub(SignedDuration::from_hours(24)).ok()));
    Ok(MeasureAsked {
        from,
        to,
        step: args.step.clone(),
        labels: Some(labels.join(",")).filter(|text| !text.is_empty()),
    })
}

fn line(row: &MeasureRow, now: Timestamp) -> Vec<Cell> {
    let tone = tone(&row.level);
    vec![
        Cell::new(&row.measure, Tone::Plain),
        Cell::new(&pairs(&row.labels), Tone::Dim),
        Cell::new(&with_unit(row.value, row.unit.as_deref()), tone),
        Cell::new(&row.level, tone),
        Cell::new(&ago(row.at, now), Tone::Dim),
        Cell::new(if row.stale { "stale" } else { "" }, Tone::Warning),
    ]
}

/// One series: a line for its time, a bar for each stretch of it, and what all samples come to.
fn past(series: &MeasurePast, whole: bool, (asked, zone): (&MeasureAsked, &TimeZone), style: Style) -> String {
    let unit = series.unit.as_deref();
    let mut text = series.measure.clone();
    if !series.labels.is_empty() {
        text = format!("{text} {}", pairs(&series.labels));
    }
    let Some(last) = series.points.last() else { return format!("{text}: nothing was measured in that time\n") };
    let count: u64 = series.points.iter().map(|point| u64::from(point.count)).sum();
    let ends =
        series.points.iter().fold((f64::MAX, f64::MIN), |(min, max), point| (min.min(point.min), max.max(point.max)));
    let mean = series.points.iter().map(|point| point.mean * f64::from(point.count)).sum::<f64>()
        / series.points.iter().map(|point| f64::from(point.count)).sum::<f64>();
    let step =
        series.step_seconds.map_or_else(|| "each by itself".to_owned(), |step| format!("by {}", Span::from_secs(step)));
    let samples = if count == 1 { "sample" } else { "samples" };
    let begin = asked.from.unwrap_or(series.points[0].at);
    let end = asked.to.unwrap_or(last.at);
    let time = |at: Timestamp| zone.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string();
    text = format!("{text}\n  {} to {}, {count} {samples}, {step}", time(begin), time(end));
    if series.cut {
        text = format!("{text}; older ones are not shown");
    }
    if style.unicode {
        let wide = style.width.saturating_sub(2).clamp(8, 120);
        text = format!("{text}\n  {}", bars(columns(series, (begin, end), wide).into_iter()));
    }
    let value = |value| with_unit(value, unit);
    let worst = series.points.iter().filter_map(|point| Level::parse(&point.worst)).max().unwrap_or_default();
    text = format!(
        "{text}\n  min {}, mean {}, max {}, last {}; worst {}\n",
        value(ends.0),
        value(mean),
        value(ends.1),
        value(last.last),
        worst
    );
    if whole { format!("{text}\n{}", points(series, zone, style)) } else { text }
}

/// What is in each of so many columns of equal length: the mean of the points in it, or of the one that stretches over it.
fn columns(series: &MeasurePast, (from, to): (Timestamp, Timestamp), wide: usize) -> Vec<Option<f64>> {
    let wide = i128::try_from(wide).unwrap_or(1);
    let length = (to.as_nanosecond() - from.as_nanosecond()).max(1);
    let column = |at: i128| ((at - from.as_nanosecond()) * wide / length).clamp(0, wide - 1);
    let step = i128::from(series.step_seconds.unwrap_or(0)) * 1_000_000_000;
    let mut sums: BTreeMap<i128, (f64, f64)> = BTreeMap::new();
    let mut over: BTreeMap<i128, f64> = BTreeMap::new();
    for point in &series.points {
        let at = point.at.as_nanosecond();
        let (total, count) = sums.entry(column(at)).or_default();
        *total += point.mean * f64::from(point.count);
        *count += f64::from(point.count);
        over.extend((column(at)..=column(at + (step - 1).max(0))).map(|column| (column, point.mean)));
    }
    let of = |n| sums.get(&n).map(|(total, count)| total / count).or_else(|| over.get(&n).copied());
    (0..wide).map(of).collect()
}

fn points(series: &MeasurePast, zone: &TimeZone, style: Style) -> String {
    let time = |at: Timestamp| zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let head = ["time", "samples", "min", "mean", "max", "last", "worst"];
    let mut cells = vec![head.map(|word| Cell::new(word, Tone::Dim)).to_vec()];
    cells.extend(series.points.iter().map(|point| {
        let tone = tone(&point.worst);
        let values = [point.min, point.mean, point.max, point.last].map(|value| Cell::new(&figure(value), Tone::Plain));
        let begin = [Cell::new(&time(point.at), Tone::Dim), Cell::new(&point.count.to_string(), Tone::Plain)];
        begin.into_iter().chain(values).chain([Cell::new(&point.worst, tone)]).collect()
    }));
    table(&cells, style)
}

fn tone(level: &str) -> Tone {
    match level {
        "critical" => Tone::Bad,
        "warning" => Tone::Warning,
        "ok" => Tone::Good,
        _ => Tone::Plain,
    }
}

fn pairs(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

fn with_unit(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some(unit) => format!("{} {unit}", figure(value)),
        None => figure(value),
    }
}
