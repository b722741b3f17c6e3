//! The charts, as SVG for a light and a dark page.

use crate::contender::Transport;
use crate::figures::Figures;
use crate::fleet::{Fleet, FleetResult};
use crate::tables::{label, ms, number};
use std::fmt::Write as _;

/// The colors of a theme, with enough contrast on its background.
struct Theme {
    name: &'static str,
    text: &'static str,
    muted: &'static str,
    line: &'static str,
    ours: &'static str,
    other: &'static str,
}

const THEMES: [Theme; 2] = [
    Theme { name: "light", text: "#1f2328", muted: "#59636e", line: "#d1d9e0", ours: "#0969da", other: "#818b98" },
    Theme { name: "dark", text: "#f0f6fc", muted: "#9198a1", line: "#3d444d", ours: "#4493f8", other: "#656c76" },
];

const WIDTH: f64 = 720.0;

/// All charts that the figures allow: file name and SVG.
pub(crate) fn all(figures: &Figures) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for theme in &THEMES {
        let name = |chart: &str| format!("{chart}-{}.svg", theme.name);
        if let Some(comparison) = &figures.comparison {
            let http =
                |event: &&crate::figures::EventFigures| event.transport == Transport::Http && event.delay_ms == 0;
            let contenders = comparison.events.iter().find(http).map(|event| &event.contenders[..]).unwrap_or_default();
            let times = contenders.iter().map(|contender| {
                Bar::new(&contender.id, contender.wall.median, format!("{} ms", ms(contender.wall.median)))
            });
            files.push((name("time"), bars(theme, "Time to send one event, whole process", times.collect())));
            let floor = |id: &str| id.starts_with("floor-");
            let sizes = comparison
                .sizes
                .iter()
                .filter(|(id, _)| !floor(id))
                .map(|(id, bytes)| Bar::new(id, *bytes as f64, format!("{:.1} MB", *bytes as f64 / 1e6)));
            files.push((name("size"), bars(theme, "Size on disk, with Node.js where it is needed", sizes.collect())));
        }
        let mut shown = figures.fleets.iter().filter(|result| shows(&result.fleet));
        if let Some(fleet) = shown.clone().find(|result| result.fleet.limit.is_none()) {
            let limited = shown.find(|result| result.fleet.limit.is_some());
            files.push((name("window"), window(theme, fleet, limited)));
        }
    }
    files
}

/// Whether the chart of the window's end shows this fleet.
pub(crate) fn shows(fleet: &Fleet) -> bool {
    fleet.jobs == 100_000 && fleet.jitter && (fleet.limit.is_none() || fleet.retry_after == Some(60))
}

struct Bar {
    label: String,
    ours: bool,
    value: f64,
    text: String,
}

impl Bar {
    fn new(id: &str, value: f64, text: String) -> Self {
        Self { label: label(id).to_owned(), ours: id == "versioner", value, text }
    }
}

/// The start of a chart of this height. Its title is also its text for screen readers.
fn start(theme: &Theme, title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{title}</title>\n\
         <text x=\"0\" y=\"18\" font-size=\"15\" font-weight=\"600\" fill=\"{}\">{title}</text>\n",
        theme.text
    )
}

/// Horizontal bars on a linear scale from zero, shortest first.
fn bars(theme: &Theme, title: &str, mut bars: Vec<Bar>) -> String {
    const LABELS: f64 = 230.0;
    const VALUES: f64 = 80.0;
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    let largest = bars.last().map_or(1.0, |bar| bar.value);
    let mut svg = start(theme, title, 36.0 + 28.0 * bars.len() as f64);
    for (index, bar) in bars.iter().enumerate() {
        let top = 34.0 + 28.0 * index as f64;
        let width = (bar.value / largest * (WIDTH - LABELS - VALUES)).max(2.0);
        let (color, weight) = if bar.ours { (theme.ours, "600") } else { (theme.other, "400") };
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" font-weight=\"{weight}\" fill=\"{}\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{top:.0}\" width=\"{width:.1}\" height=\"20\" rx=\"2\" fill=\"{color}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\" font-weight=\"{weight}\" fill=\"{}\">{}</text>",
            LABELS - 8.0,
            top + 15.0,
            theme.text,
            bar.label,
            LABELS + width + 6.0,
            top + 15.0,
            theme.text,
            bar.text
        );
    }
    svg + "</svg>\n"
}

/// Requests in each second after the window's end.
fn window(theme: &Theme, fleet: &FleetResult, limited: Option<&FleetResult>) -> String {
    const LEFT: f64 = 60.0;
    const TOP: f64 = 60.0;
    const BOTTOM: f64 = 250.0;
    let jobs = number(fleet.fleet.jobs.into());
    let title = format!("Requests per second after a window's end, {jobs} waiting jobs");
    let largest = f64::from(fleet.peak_after.max(limited.map_or(0, |limited| limited.peak_after)));
    let scale = (largest / 500.0).ceil() * 500.0;
    let x = |second: usize| LEFT + second as f64 * (WIDTH - LEFT - 10.0) / fleet.per_second.len() as f64;
    let y = |value: f64| BOTTOM - value / scale * (BOTTOM - TOP);
    let mut svg = start(theme, &title, 300.0);
    let _ = writeln!(
        svg,
        "<text x=\"0\" y=\"38\" fill=\"{}\">without jitter, all {jobs} would arrive in the first second</text>",
        theme.muted
    );
    for value in (0..=scale as u64).step_by(500) {
        let height = y(value as f64);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{height:.1}\" y2=\"{height:.1}\" stroke=\"{}\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{}\">{}</text>",
            theme.line,
            LEFT - 6.0,
            height + 4.0,
            theme.muted,
            number(value)
        );
    }
    for second in (0..fleet.per_second.len()).step_by(30) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\" fill=\"{}\">{second} s</text>",
            x(second),
            BOTTOM + 18.0,
            theme.muted
        );
    }
    let mut line = |result: &FleetResult, color: &str, dashes: &str, at: f64, text: &str| {
        let points = result.per_second.iter().enumerate();
        let points: Vec<String> =
            points.map(|(second, count)| format!("{:.1},{:.1}", x(second), y(f64::from(*count)))).collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dashes} points=\"{}\"/>\n\
             <line x1=\"{at}\" x2=\"{:.0}\" y1=\"286\" y2=\"286\" stroke=\"{color}\" stroke-width=\"2\"{dashes}/>\n\
             <text x=\"{:.0}\" y=\"290\" fill=\"{}\">{text}</text>",
            points.join(" "),
            at + 24.0,
            at + 30.0,
            theme.text
        );
    };
    if let Some(limited) = limited {
        let limit = number(limited.fleet.limit.unwrap_or_default().into());
        let text = format!("server takes {limit} a second, else 429 with Retry-After: 60");
        line(limited, theme.other, " stroke-dasharray=\"5 4\"", 310.0, &text);
    }
    line(fleet, theme.ours, "", LEFT, "server takes every request");
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_sorted_and_linear() {
        let theme = &THEMES[0];
        let bar = |id: &str, value| Bar::new(id, value, format!("{value}"));
        let svg = bars(theme, "t", vec![bar("curl", 100.0), bar("versioner", 25.0)]);
        let widths: Vec<f64> =
            svg.split("width=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect();
        assert_eq!(widths, [102.5, 410.0], "{svg}");
        assert!(svg.find("versioner").unwrap() < svg.find("curl").unwrap());
        assert!(svg.contains(theme.ours) && svg.ends_with("</svg>\n"));
    }
}
