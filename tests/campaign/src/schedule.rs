//! Schedules: what a seed makes of the commands, their settings, the server's faults and the signals.
//!
//! A schedule is plain data: it can be printed, shrunk and run again.

use crate::reply::{Body, PauseHeader, Scripted, What};
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use versioner_sandbox::Fault;

/// Steps that share a spool and a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Whether the calls run as in GitHub Actions, else outside CI.
    pub(crate) github: bool,
    /// Whether the server checks rules for `started` events only.
    pub(crate) rules_on_started: bool,
    pub(crate) steps: Vec<Step>,
}

/// Calls that run at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Whether the server refuses connections meanwhile.
    pub(crate) outage: bool,
    /// How the server treats the next requests. After that it behaves.
    pub(crate) script: Vec<Scripted>,
    pub(crate) calls: Vec<Call>,
}

/// One call of the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) command: Command,
    pub(crate) settings: Settings,
    pub(crate) signal: Option<SignalAt>,
}

/// What a call does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Reports a deployment event. `version` numbers the version, `environment` the environment.
    Deployment {
        status: String,
        version: u8,
        environment: u8,
    },
    Build {
        version: u8,
    },
    /// Wraps a command that takes `millis` and exits with `exit`.
    Run {
        version: u8,
        environment: u8,
        exit: u8,
        millis: u64,
    },
    Finish {
        status: String,
    },
    Flush,
}

/// The settings of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) fail_on_api_error: bool,
    pub(crate) require_gate: bool,
    pub(crate) wait: bool,
    pub(crate) retries: u32,
    pub(crate) request_timeout_ms: u64,
    pub(crate) wait_timeout_ms: u64,
    pub(crate) debug: bool,
}

/// A signal, and when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignalAt {
    pub(crate) signal: Signal,
    /// To the whole process group, as CI systems do.
    pub(crate) group: bool,
    pub(crate) moment: Moment,
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Signal {
    Term,
    Int,
    Kill,
}

/// When a signal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Moment {
    /// So long after the start.
    Millis(u64),
    /// So long after the server has got so many requests in this step.
    Request(usize, u64),
}

impl Schedule {
    /// The schedule of a seed.
    #[must_use]
    pub(crate) fn from_seed(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let (github, rules_on_started) = (rng.bool(), rng.u8(..5) > 0);
        let steps = match rng.u8(..4) {
            0 => outage_story(rng),
            _ => (0..rng.usize(1..=4)).map(|_| step(rng)).collect(),
        };
        Self { github, rules_on_started, steps }
    }
}

/// Started, then an outage that lasts until the end was reported, then a flush.
fn outage_story(rng: &mut Rng) -> Vec<Step> {
    let (version, environment) = (rng.u8(..2), rng.u8(..2));
    let event = |status: &str| Command::Deployment { status: status.to_owned(), version, environment };
    let calm = |command, rng: &mut Rng| Step {
        outage: false,
        script: Vec::new(),
        calls: vec![Call { command, settings: Settings { fail_on_api_error: false, ..settings(rng) }, signal: None }],
    };
    let mut steps = vec![calm(event("started"), rng)];
    for status in ["completed", "failed"].iter().take(rng.usize(1..=2)) {
        let outage = Step { outage: rng.bool(), script: script(rng, 3), ..calm(event(status), rng) };
        steps.push(outage);
    }
    steps.push(calm(Command::Finish { status: "failed".to_owned() }, rng));
    steps.push(calm(Command::Flush, rng));
    steps
}

fn step(rng: &mut Rng) -> Step {
    let calls = if rng.u8(..5) == 0 { rng.usize(2..=3) } else { 1 };
    Step { outage: rng.u8(..10) == 0, script: script(rng, 5), calls: (0..calls).map(|_| call(rng)).collect() }
}

fn script(rng: &mut Rng, most: usize) -> Vec<Scripted> {
    (0..rng.usize(..=most)).map(|_| scripted(rng)).collect()
}

fn pick<T: Clone>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.usize(..items.len())].clone()
}

const STATUSES: [u16; 34] = [
    200, 201, 202, 204, 205, 299, 300, 302, 308, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 422, 423, 428, 429,
    431, 499, 500, 501, 502, 503, 504, 520, 529, 599, 700,
];

const FAULTS: [Fault; 23] = [
    Fault::BadChunk,
    Fault::Chunked,
    Fault::Close,
    Fault::Cut,
    Fault::CutChunked,
    Fault::CutHead,
    Fault::EndlessBody,
    Fault::EndlessInterim,
    Fault::Garbage,
    Fault::Hang,
    Fault::Http10,
    Fault::HugeHeader,
    Fault::Interim,
    Fault::LoseReply,
    Fault::ManyHeaders,
    Fault::Reset,
    Fault::ResetBody,
    Fault::ShortLength,
    Fault::Slow,
    Fault::Stall,
    Fault::StallHead,
    Fault::Trickle,
    Fault::TwoLengths,
];

fn scripted(rng: &mut Rng) -> Scripted {
    let what = match rng.u8(..10) {
        0..=3 => What::Normal,
        4..=6 => {
            let bodies = [Body::Empty, Body::Detail, Body::Hostile, Body::Html, Body::Array, Body::Deep, Body::Huge];
            What::Status(pick(rng, &STATUSES), pick(rng, &bodies))
        }
        _ => block(rng),
    };
    let fault = match (&what, rng.u8(..3)) {
        (What::Normal, 0 | 1) | (_, 0) => Some(pick(rng, &FAULTS)),
        _ => None,
    };
    // A success that the server did not mean would make it lie about its own record.
    let processed = match what {
        What::Normal => !matches!(fault, Some(Fault::Close | Fault::Reset | Fault::Hang)) || rng.bool(),
        What::Status(200..=299, _) => true,
        What::Status(500.. | 408, _) => rng.u8(..3) == 0,
        What::Status(..) | What::Block { .. } => false,
    };
    let pause = match rng.u8(..8) {
        0 => PauseHeader::RetryAfter(
            pick(rng, &["0", "1", " 1 ", "soon", "-3", "1.5", "99999999999999999999", "3600"]).to_owned(),
        ),
        1 => PauseHeader::RetryAfterDate(pick(rng, &[-3_600, 1, 3_600])),
        2 => PauseHeader::RateLimitReset(pick(rng, &[-3_600, 1, 3_600])),
        3 => PauseHeader::Twice(pick(rng, &[0, 1, 900]), pick(rng, &[0, 1, 900])),
        _ => PauseHeader::None,
    };
    let wrong_date = (rng.u8(..8) == 0).then(|| pick(rng, &[-86_400, -60, 60, 86_400]));
    let delay_ms = match (fault, rng.u8(..6)) {
        (Some(Fault::Slow), _) => 1,
        (None, 0) => 200,
        _ => 0,
    };
    Scripted { what, fault, processed, pause, wrong_date, delay_ms }
}

fn block(rng: &mut Rng) -> What {
    let (status, code) = pick(
        rng,
        &[
            (409, "CONCURRENT_DEPLOYMENT"),
            (423, "NO_DEPLOY_WINDOW"),
            (428, "APPROVAL_REQUIRED"),
            (428, "INSUFFICIENT_SOAK_TIME"),
            (428, "FLOW_VIOLATION"),
            (428, "SOMETHING_NEW"),
        ],
    );
    let ends_in = rng.bool().then(|| pick(rng, &[-5, 1, 2, 86_400]));
    What::Block { status, code: code.to_owned(), ends_in, wrapped: rng.bool() }
}

fn settings(rng: &mut Rng) -> Settings {
    Settings {
        fail_on_api_error: rng.bool(),
        require_gate: rng.u8(..4) == 0,
        wait: rng.u8(..3) == 0,
        retries: rng.u32(..=2),
        request_timeout_ms: 1_500,
        wait_timeout_ms: pick(rng, &[500, 2_000, 4_000]),
        debug: rng.u8(..4) == 0,
    }
}

fn call(rng: &mut Rng) -> Call {
    let (version, environment) = (rng.u8(..3), rng.u8(..2));
    let command = match rng.u8(..10) {
        0..=1 => Command::Deployment { status: "started".to_owned(), version, environment },
        2..=3 => {
            let status = pick(rng, &["completed", "failed", "aborted", "pending"]).to_owned();
            Command::Deployment { status, version, environment }
        }
        4 => Command::Build { version },
        5..=7 => Command::Run { version, environment, exit: pick(rng, &[0, 0, 7]), millis: pick(rng, &[0, 0, 200]) },
        8 => Command::Finish { status: pick(rng, &["completed", "failed", "aborted"]).to_owned() },
        _ => Command::Flush,
    };
    let signal = (rng.u8(..4) == 0).then(|| SignalAt {
        signal: pick(rng, &[Signal::Term, Signal::Int, Signal::Kill]),
        group: rng.bool(),
        moment: match rng.bool() {
            true => Moment::Millis(rng.u64(..60)),
            false => Moment::Request(rng.usize(1..=3), rng.u64(..10)),
        },
    });
    Call { command, settings: settings(rng), signal }
}
