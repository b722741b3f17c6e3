//! One event by every contender, in turns, so that a busy moment of the machine meets all of them.

use crate::contender::{EVENT, Endpoint, Programs, Transport, contenders, versioner};
use crate::figures::{ContenderFigures, EventFigures};
use crate::measure::{Spread, Usage, run_successfully, system_calls};
use crate::server::Server;
use anyhow::ensure;
use std::path::Path;
use std::time::Duration;

/// The combinations to measure, with the part of the rounds that each one gets: a delay makes a round longer.
const CASES: [(Transport, u64, usize); 4] =
    [(Transport::Http, 0, 1), (Transport::Http, 50, 4), (Transport::Tls, 0, 1), (Transport::Tls, 50, 4)];

/// Measures all cases, with up to `rounds` rounds each. `directory` is a scratch directory with the certificate in `ca`.
pub(crate) fn events(
    programs: &Programs,
    server: &Server,
    directory: &Path,
    ca: &Path,
    rounds: usize,
) -> anyhow::Result<Vec<EventFigures>> {
    let cases = CASES.iter().map(|(transport, delay, part)| {
        server.set_delay(Duration::from_millis(*delay));
        let contenders = case(programs, server, &Endpoint::new(server, *transport, ca), directory, rounds / part + 1)?;
        server.set_delay(Duration::ZERO);
        Ok(EventFigures { transport: *transport, delay_ms: *delay, rounds: rounds / part + 1, contenders })
    });
    cases.collect()
}

fn case(
    programs: &Programs,
    server: &Server,
    endpoint: &Endpoint,
    directory: &Path,
    rounds: usize,
) -> anyhow::Result<Vec<ContenderFigures>> {
    let meter = programs.meter();
    // The floor sends exactly what the program sends.
    run_successfully(&meter, &versioner("versioner", programs, endpoint, directory, &EVENT))?;
    let request = String::from_utf8(server.traffic().last_request)?;
    let contenders = contenders(programs, endpoint, directory, &request);
    for contender in &contenders {
        run_successfully(&meter, contender)?;
    }
    let mut usages: Vec<Vec<Usage>> = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            // Each round starts with another contender, so that none always runs after the slowest.
            let index = (round + turn) % contenders.len();
            let before = server.traffic().requests;
            usages[index].push(run_successfully(&meter, &contenders[index])?);
            let requests = server.traffic().requests - before;
            ensure!(requests == 1, "{} sent {requests} requests", contenders[index].id);
        }
    }
    let ours = usages[0].clone();
    let figures = contenders.iter().zip(usages).map(|(contender, usages)| {
        let before = server.traffic();
        let system_calls = system_calls(contender, directory)?;
        let after = server.traffic();
        let of = |field: fn(&Usage) -> f64| Spread::of(usages.iter().map(field).collect());
        Ok(ContenderFigures {
            id: contender.id.to_owned(),
            wall: of(|usage| usage.wall),
            cpu: of(|usage| usage.cpu),
            memory: of(|usage| usage.memory),
            system_calls,
            bytes_sent: after.received - before.received,
            bytes_received: after.sent - before.sent,
            ratio: ratio(&ours, &usages, |usage| usage.wall),
            cpu_ratio: ratio(&ours, &usages, |usage| usage.cpu),
        })
    });
    figures.collect()
}

/// What `versioner` used by what a contender used, round by round.
fn ratio(ours: &[Usage], theirs: &[Usage], field: fn(&Usage) -> f64) -> Spread {
    Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| field(ours) / field(theirs)).collect())
}
