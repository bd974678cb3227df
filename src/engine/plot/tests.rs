//! Pictures of samples, in words and in drawings.

use super::*;
use crate::base::ids::StepId;
use crate::base::level::Level;
use crate::model::measure::{Band, MetricType};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn plot(points: usize, over: u64, by: By) -> Plot {
    let measure = StepId::parse("disk_used").expect("a name");
    Plot { measure, over: Span::from_secs(over), labels: [].into(), title: None, by, points }
}

fn threshold(unit: Option<&str>, bands: &[(Level, &str)]) -> Threshold {
    Threshold {
        name: StepId::parse("disk_used").expect("a name"),
        metric: MetricType::Gauge,
        help: None,
        unit: unit.map(str::to_owned),
        labels: Vec::new(),
        bands: bands.iter().map(|(level, band)| (*level, Band::parse(band).expect("a band"))).collect(),
        missing: None,
        stale_after: None,
        clear: Vec::new(),
        baseline: None,
    }
}

const NOW: &str = "2026-11-30T07:00:00Z";

/// A picture of samples, each so many seconds ago, in one of these ways.
fn pictured<T>(plot: &Plot, threshold: &Threshold, samples: &[(i64, f64)], draw: impl Fn(&Picture<'_>) -> T) -> T {
    let now = at(NOW);
    let windows = windows(plot, now);
    let ago = |secs: i64| now.checked_sub(SignedDuration::from_secs(secs)).expect("an instant");
    let all: Vec<(Timestamp, f64)> = samples.iter().map(|(secs, value)| (ago(*secs), *value)).collect();
    let within = |(at, _): &&(Timestamp, f64)| windows.iter().any(|(from, to)| (from..to).contains(&at));
    let last = all.iter().max_by_key(|(at, _)| *at).copied();
    let last = last.map(|(at, value)| crate::engine::series::Point { at, value, level: Level::Ok });
    let past = Past { last, samples: all.iter().filter(within).copied().collect() };
    draw(&Picture::new(plot, Some(threshold), &TimeZone::UTC, &windows, &past))
}

#[test]
fn stretches_of_time_lie_side_by_side_and_end_with_this_very_instant() {
    let windows = windows(&plot(8, 80, By::Mean), at(NOW));
    assert_eq!(windows.len(), 8);
    assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0), "{windows:?}");
    assert_eq!(windows[0].0, at("2026-11-30T06:58:40Z"));
    assert!(windows[7].1 > at(NOW));
    // As far back as a span of the language reaches, and as near.
    for over in [0, 1, 400 * 86_400, u64::MAX / 1000] {
        assert_eq!(super::windows(&plot(120, over, By::Mean), at(NOW)).len(), 120);
    }
}

#[test]
fn a_line_of_text_has_a_bar_for_each_stretch_with_samples() {
    let told =
        |by, unit, samples: &[(i64, f64)]| pictured(&plot(8, 80, by), &threshold(unit, &[]), samples, line::draw);
    let rising: Vec<(i64, f64)> = (0..8_u8).map(|n| (75 - 10 * i64::from(n), f64::from(n))).collect();
    for (by, unit, samples, want) in [
        (By::Mean, Some("%"), &rising[..], "▁▂▃▄▅▆▇█ min 0 %, max 7 %, last 7 % (1m20s)"),
        (By::Mean, None, &[(0, 3.0)], "▄ min 3, max 3, last 3 (1m20s)"),
        (By::Mean, Some("ms"), &[(1, 4.0), (2, 8.0), (40, -2.0)], "▁█ min -2 ms, max 8 ms, last 4 ms (1m20s)"),
        (
            By::Max,
            Some("B"),
            &[(1, 4096.0), (2, 1024.0), (70, 2048.0)],
            "▁█ min 1.0 KiB, max 4.0 KiB, last 4.0 KiB (1m20s)",
        ),
        (By::Mean, Some("%"), &[], "no samples yet"),
        (By::Mean, Some("%"), &[(3600, 41.5)], "no samples in 1m20s; the last, 41.5 %, is of 2026-11-30 06:00"),
    ] {
        assert_eq!(told(by, unit, samples), want);
    }
    let titled = Plot { title: Some("Disk".into()), ..plot(8, 80, By::Mean) };
    let line = pictured(&titled, &threshold(None, &[]), &[(0, 3.0)], line::draw);
    assert_eq!(line, "Disk: ▄ min 3, max 3, last 3 (1m20s)");
}

#[test]
fn what_is_drawn_is_markup_that_no_text_breaks_out_of() {
    let hostile = "\"><script>alert('&')</script>";
    let mut threshold = threshold(Some("<b>"), &[(Level::Warning, "> 2")]);
    let titled = Plot { title: Some(hostile.into()), ..plot(8, 80, By::Mean) };
    let labelled = Plot { labels: [("mount".to_owned(), hostile.to_owned())].into(), ..plot(8, 80, By::Mean) };
    threshold.help = Some(hostile.into());
    for plot in [titled, labelled] {
        for samples in [&[][..], &[(0, 3.0), (50, 1.0)]] {
            let svg = pictured(&plot, &threshold, samples, svg::draw);
            assert!(!svg.contains("<script") && !svg.contains("<b>") && svg.contains("&lt;script&gt;"), "{svg}");
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
            // Every quote that is left is one of ours: they come in pairs on every line.
            assert!(svg.lines().all(|line| line.matches('"').count() % 2 == 0), "{svg}");
        }
    }
}

#[test]
fn a_drawing_has_the_bands_that_are_near_and_round_figures() {
    let bands = [(Level::Critical, "> 90"), (Level::Warning, ">= 80"), (Level::Notice, "< 50% of baseline")];
    let near = pictured(&plot(8, 80, By::Mean), &threshold(Some("%"), &bands), &[(0, 91.0), (50, 71.0)], svg::draw);
    for part in ["#fdf0cd", "#fadbd8", ">70 %<", ">90 %<", "<desc>critical &gt; 90, warning &gt;= 80"] {
        assert!(near.contains(part), "{part} in {near}");
    }
    let far = pictured(&plot(8, 80, By::Mean), &threshold(Some("%"), &bands), &[(0, 4.0), (50, 3.0)], svg::draw);
    assert!(!far.contains("#fadbd8") && far.contains(">3.5 %<"), "{far}");
    // Nothing is divided by nothing, whatever the values are.
    for values in [[0.0, 0.0], [5.0, 5.0], [-5.0, -5.0], [1e300, -1e300], [1e-12, 2e-12], [f64::MAX, f64::MIN]] {
        let samples = [(0, values[0]), (50, values[1])];
        let svg = pictured(&plot(8, 80, By::Mean), &threshold(None, &[]), &samples, svg::draw);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
    }
}
