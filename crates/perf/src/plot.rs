//! Rates and latencies over time as an SVG picture.

use core::fmt::Write;

use crate::outcome::{Outcome, Sample};
use crate::text::Short;

const WIDTH: f64 = 840.0;
const PANEL: f64 = 220.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 50.0;
const GAP: f64 = 70.0;
/// Readable for those who do not tell all colours apart.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A line of a panel: its name, and its value in a sample if it has one.
type Line = (String, Vec<(f64, f64)>);

/// Draws the runs over each other: messages consumed a second (published where nothing is consumed), and the p99 latency.
#[must_use]
pub fn plot(outcomes: &[&Outcome]) -> String {
    let height = TOP + 2.0 * (PANEL + GAP);
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {height}" font-family="sans-serif" font-size="12">"#,
        LEFT + WIDTH + 30.0
    );
    let _ = writeln!(svg, r#"<rect width="100%" height="100%" fill="white"/>"#);
    let title = outcomes.first().map_or("", |outcome| outcome.scenario.as_str());
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="24" font-size="15">{}</text>"#, escaped(title));
    let rates = lines(outcomes, |sample| {
        Some(sample.consumed_per_second.max(0.0))
            .filter(|rate| *rate > 0.0)
            .or(Some(sample.published_per_second))
    });
    panel(&mut svg, TOP, "messages a second", &rates);
    let latencies = lines(outcomes, |sample| sample.latency.map(|latency| latency.p99));
    panel(&mut svg, TOP + PANEL + GAP, "p99 latency, µs", &latencies);
    svg.push_str("</svg>\n");
    svg
}

fn lines(outcomes: &[&Outcome], value: impl Fn(&Sample) -> Option<f64>) -> Vec<Line> {
    outcomes
        .iter()
        .map(|outcome| {
            let points = outcome.samples.iter().filter_map(|at| Some((at.at, value(at)?)));
            (outcome.broker.clone(), points.collect())
        })
        .collect()
}

fn panel(svg: &mut String, top: f64, title: &str, lines: &[Line]) {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let x_max = points().map(|point| point.0).fold(1.0, f64::max);
    let y_max = ceiling(points().map(|point| point.1).fold(0.0, f64::max));
    let bottom = top + PANEL;
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="{}">{title}</text>"#, top - 8.0);
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let y = bottom - part * PANEL;
        let _ = writeln!(
            svg,
            r##"<path d="M{LEFT} {y}h{WIDTH}" stroke="#ddd"/><text x="{}" y="{}" text-anchor="end">{}</text>"##,
            LEFT - 8.0,
            y + 4.0,
            Short(part * y_max)
        );
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{}" text-anchor="middle">{:.0} s</text>"#,
            LEFT + part * WIDTH,
            bottom + 18.0,
            part * x_max
        );
    }
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let (x, y) = (LEFT + x / x_max * WIDTH, bottom - y / y_max * PANEL);
            let _ = write!(path, "{letter}{x:.1} {y:.1}");
        }
        let _ =
            writeln!(svg, r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#);
        let x = LEFT + WIDTH - 200.0;
        let y = top + 16.0 + 16.0 * at as f64;
        let _ = writeln!(svg, r#"<text x="{x}" y="{y}" fill="{colour}">{}</text>"#, escaped(name));
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= value)
        .unwrap_or(power)
}

/// What a broker says of itself is anybody's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (value, end) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (30.0, 50.0),
            (51.0, 100.0),
            (123_456.0, 200_000.0),
        ] {
            assert_eq!(ceiling(value), end, "{value}");
        }
    }

    #[test]
    fn names_of_brokers_cannot_leave_their_place() {
        assert_eq!(escaped(r#"<img src="x">&"#), "&lt;img src=&quot;x&quot;&gt;&amp;");
    }
}
