//! The generated parts of the page as Markdown tables.

use crate::contender::Transport;
use crate::figures::{Comparison, ContenderFigures, EventFigures, Size, SpoolFigures, TaskFigures, WaitFigures};
use crate::fleet::FleetResult;
use crate::measure::Spread;

/// What `versioner` may take by the time of a contender, at most, without a delay.
const TARGETS: [(&str, Transport, f64); 6] = [
    ("floor-raw", Transport::Http, 1.8),
    ("floor-client", Transport::Http, 1.3),
    ("vendor-cli", Transport::Http, 0.35),
    ("curl", Transport::Http, 0.25),
    ("vendor-action", Transport::Http, 0.01),
    ("vendor-cli", Transport::Tls, 0.25),
];

/// The name of a contender for people.
pub(crate) fn label(id: &str) -> &str {
    match id {
        "floor-raw" => "raw socket, same bytes",
        "floor-client" => "minimal program, same HTTP client",
        "vendor-cli" => "vendor CLI (Go)",
        "vendor-action" => "vendor Action (Node.js)",
        other => other,
    }
}

/// A table with its first column aligned to the left, the others to the right.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = (0..head.len()).map(|index| if index == 0 { "---".to_owned() } else { "---:".to_owned() });
    let rule: Vec<String> = rule.collect();
    let lines = [line(&head), line(&rule)].into_iter().chain(rows.into_iter().map(|row| line(&row)));
    lines.collect::<Vec<_>>().join("\n")
}

/// With separators between thousands.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds.
pub(crate) fn ms(micros: f64) -> String {
    let value = micros / 1_000.0;
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

fn ms_spread(spread: Spread) -> String {
    format!("{} ({}–{})", ms(spread.median), ms(spread.low), ms(spread.high))
}

fn mib(kib: f64) -> String {
    format!("{:.1}", kib / 1_024.0)
}

fn ratio(value: f64) -> String {
    if value < 1.0 { format!("{value:.3}") } else { format!("{value:.2}") }
}

fn case(figures: &EventFigures) -> String {
    let transport = match figures.transport {
        Transport::Http => "HTTP",
        Transport::Tls => "TLS 1.3",
    };
    match figures.delay_ms {
        0 => format!("{transport}, immediate replies"),
        delay => format!("{transport}, replies after {delay} ms"),
    }
}

pub(crate) fn machine(comparison: &Comparison) -> String {
    let row = |(name, value): &(String, String)| format!("| {name} | {value} |");
    let rows = comparison.machine.iter().map(row).collect::<Vec<_>>().join("\n");
    format!("| measured on | |\n| --- | --- |\n{rows}")
}

pub(crate) fn events(comparison: &Comparison) -> String {
    let head = ["", "time, ms", "CPU, ms", "memory, MiB", "system calls", "bytes sent", "bytes received"];
    let row = |contender: &ContenderFigures| {
        vec![
            label(&contender.id).to_owned(),
            ms_spread(contender.wall),
            ms(contender.cpu.median),
            mib(contender.memory.median),
            number(contender.system_calls),
            number(contender.bytes_sent),
            number(contender.bytes_received),
        ]
    };
    let section = |figures: &EventFigures| {
        let rows = figures.contenders.iter().map(row);
        format!("**{}** ({} rounds)\n\n{}", case(figures), figures.rounds, table(&head, rows))
    };
    comparison.events.iter().map(section).collect::<Vec<_>>().join("\n\n")
}

pub(crate) fn ratios(comparison: &Comparison) -> String {
    let rows = comparison.events.iter().flat_map(|figures| {
        let others = figures.contenders.iter().filter(|contender| contender.id != "versioner");
        others.map(|contender| {
            let target = TARGETS.iter().find(|(id, transport, _)| {
                *id == contender.id && *transport == figures.transport && figures.delay_ms == 0
            });
            let Spread { low, median, high } = contender.ratio;
            let verdict = |target: f64| if median <= target { "met" } else { "**missed**" };
            vec![
                format!("{} ÷ {}", case(figures), label(&contender.id)),
                ratio(median),
                format!("{}–{}", ratio(low), ratio(high)),
                ratio(contender.cpu_ratio.median),
                target.map_or_else(String::new, |(_, _, target)| format!("{} {}", ratio(*target), verdict(*target))),
            ]
        })
    });
    table(&["`versioner` ÷ other", "time", "middle half", "CPU", "target for the time"], rows)
}

pub(crate) fn tasks(comparison: &Comparison) -> String {
    let head = ["", "requests", "time, ms", "CPU, ms", "memory, MiB", "system calls"];
    let row = |task: &TaskFigures| {
        vec![
            format!("`{}`", task.name),
            task.requests.to_string(),
            ms_spread(task.wall),
            ms(task.cpu.median),
            mib(task.memory.median),
            number(task.system_calls),
        ]
    };
    table(&head, comparison.tasks.iter().map(row))
}

pub(crate) fn detection(comparison: &Comparison) -> String {
    let row = |(name, spread): &(String, Spread)| {
        vec![name.clone(), format!("{:.1} ({:.1}–{:.1})", spread.median, spread.low, spread.high)]
    };
    table(&["detected", "time, µs"], comparison.detection.iter().map(row))
}

pub(crate) fn wait(wait: &WaitFigures) -> String {
    let head = ["a wait of", "requests", "CPU, ms", "wake-ups", "memory, MiB"];
    let memory = mib(wait.memory_kib as f64);
    let (requests, wake_ups) = (wait.requests.to_string(), wait.wake_ups.to_string());
    table(&head, [vec![format!("{} s", wait.seconds), requests, format!("{:.1}", wait.cpu_ms), wake_ups, memory]])
}

pub(crate) fn spool(spool: &[SpoolFigures]) -> String {
    let row = |figures: &SpoolFigures| {
        vec![
            number(figures.events),
            ms_spread(figures.keep_one),
            ms(figures.flush),
            ms(figures.flush / figures.events as f64),
        ]
    };
    table(&["events", "keeping one more, ms", "delivering all, ms", "per event, ms"], spool.iter().map(row))
}

fn seconds(value: f64) -> String {
    format!("{value:.1}")
}

fn share(part: u32, fleet: &FleetResult) -> String {
    format!("{} ({:.1} %)", number(u64::from(part)), f64::from(part) * 100.0 / f64::from(fleet.fleet.jobs))
}

pub(crate) fn fleets(fleets: &[FleetResult]) -> String {
    let head = [
        "jobs",
        "jitter",
        "most requests in a second, before the end",
        "from the end on",
        "lost by waiting, s: mean",
        "95 %",
        "last",
        "polls of a job: mean",
        "most",
    ];
    let row = |result: &FleetResult| {
        let [mean, most, last] = result.lost.map(seconds);
        let jitter = if result.fleet.jitter { "yes" } else { "no" };
        let (before, after) = (share(result.peak_before, result), share(result.peak_after, result));
        let polls = (format!("{:.1}", result.polls.0), result.polls.1.to_string());
        vec![number(result.fleet.jobs.into()), jitter.to_owned(), before, after, mean, most, last, polls.0, polls.1]
    };
    table(&head, fleets.iter().filter(|result| result.fleet.limit.is_none()).map(row))
}

pub(crate) fn limited_fleets(fleets: &[FleetResult]) -> String {
    let head = [
        "jobs",
        "limit, requests a second",
        "`Retry-After`",
        "most requests in a second",
        "answered with 429",
        "lost by waiting, s: mean",
        "95 %",
        "last",
        "most polls of a job",
        "gave up",
    ];
    let row = |result: &FleetResult| {
        let limit = result.fleet.limit?;
        let [mean, most, last] = result.lost.map(seconds);
        let retry_after = result.fleet.retry_after.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds} s"));
        Some(vec![
            number(result.fleet.jobs.into()),
            number(limit.into()),
            retry_after,
            share(result.peak_after, result),
            number(result.rejected),
            mean,
            most,
            last,
            result.polls.1.to_string(),
            result.failed.to_string(),
        ])
    };
    table(&head, fleets.iter().filter_map(row))
}

pub(crate) fn size(size: &Size) -> String {
    let row = |(name, bytes): &(String, u64)| {
        vec![name.clone(), number(*bytes), format!("{:.1}", *bytes as f64 * 100.0 / size.file.max(1) as f64)]
    };
    let part = |title: &str, rows: &[(String, u64)], code: bool| {
        let rows = rows.iter().map(|part| {
            let mut row = row(part);
            row[0] = if code { format!("`{}`", row[0].replace('|', "\\|")) } else { row[0].clone() };
            row
        });
        table(&[title, "bytes", "% of the file"], rows)
    };
    let feature = |(name, cost): &(String, Option<i64>)| {
        let cost = cost.map_or_else(|| "the program needs it".to_owned(), |cost| cost.to_string());
        vec![format!("`{name}`"), cost]
    };
    let mut parts = vec![
        format!("The file has {} bytes.", number(size.file)),
        part("section", &size.sections, true),
        part("functions by crate", &size.crates, false),
        part("`versioner`'s own functions by module", &size.modules, true),
        part("largest functions", &size.functions, true),
        part("largest constants", &size.data, true),
    ];
    if !size.features.is_empty() {
        parts.push(table(&["without this feature of a dependency", "bytes saved"], size.features.iter().map(feature)));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        for (value, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn missed_targets_are_shown_as_missed() {
        let spread = |median| Spread { low: median, median, high: median };
        let contender = |id: &str, value| ContenderFigures {
            id: id.to_owned(),
            wall: spread(1.0),
            cpu: spread(1.0),
            memory: spread(1.0),
            system_calls: 1,
            bytes_sent: 1,
            bytes_received: 1,
            ratio: spread(value),
            cpu_ratio: spread(2.5),
        };
        let contenders = vec![contender("versioner", 1.0), contender("floor-raw", 1.81), contender("curl", 0.25)];
        let event = EventFigures { transport: Transport::Http, delay_ms: 0, rounds: 1, contenders };
        let wait = WaitFigures { seconds: 1.0, requests: 1, cpu_ms: 1.0, wake_ups: 1, memory_kib: 1 };
        let comparison = Comparison {
            machine: Vec::new(),
            sizes: Vec::new(),
            events: vec![event],
            tasks: Vec::new(),
            detection: Vec::new(),
            wait,
            spool: Vec::new(),
        };
        let ratios = ratios(&comparison);
        assert!(ratios.contains("| 1.81 | 1.81–1.81 | 2.50 | 1.80 **missed** |"), "{ratios}");
        assert!(ratios.contains("| 0.250 | 0.250–0.250 | 2.50 | 0.250 met |"), "{ratios}");
    }
}
