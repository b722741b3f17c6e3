//! `versioner run`: asks first, runs the command, and tells how it ended.
//!
//! Owns: the order of things. Does not own: the child process (`run`), sending (`call`), keeping (`keep`).

use super::call::Call;
use super::keep::{BEFORE_AN_EVENT, held_back};
use crate::api::reply::{Unreached, Verdict};
use crate::api::{Answer, Client, Sending};
use crate::ci::surface::Level;
use crate::clock::Clock;
use crate::event::{Payload, add_metadata};
use crate::gate::wait::{End, Wait};
use crate::journal::Entry;
use crate::outcome::Outcome;
use crate::report::Fate;
use crate::report::outputs::Outputs;
use crate::run::script::Script;
use crate::run::{Changes, Ended, REPORT_AFTER, Running};
use crate::settings::said::Source;
use crate::settings::{Described, Sourced};
use crate::signals::{Signal, Signals, WRAPPED, ignored};
use crate::spool::Scope;
use crate::status::Status;
use crate::when::stamp;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// One short try: what has to be out before the job is killed.
const SHORT: Duration = Duration::from_secs(3);
/// Before it, what is kept gets this long.
const SHORT_FLUSH: Duration = Duration::from_secs(1);

/// What the gate has let through.
struct Passed {
    entry: Option<Entry>,
    /// Whether the server has recorded the start, and so knows when that was.
    recorded: bool,
    /// The outputs so far.
    outputs: Outputs,
}

/// How much time the last event has.
enum Haste<'a> {
    /// As much as any event, until one of these comes.
    None(&'a mut Signals),
    /// One short try.
    Short,
}

/// Wraps `words`, or where there are none the script of the settings.
pub(super) async fn wrap(call: &Call<'_>, described: &Described, words: &[OsString]) -> Outcome {
    let mut signals = listen();
    if call.system.source_system.is_some() {
        signals.follow_parent();
    }
    call.console.line(&call.subject(described, true).line());
    let script = match &call.settings.wrapping.script {
        Some(text) if words.is_empty() => match Script::write(text, call.env) {
            Ok(script) => Some(script),
            Err(problem) => {
                call.console.annotate(
                    Level::Error,
                    "The script cannot be run: no event was sent",
                    &format!("{problem}."),
                );
                call.hand_on(Outputs::default());
                return Outcome::Misconfigured;
            }
        },
        _ => None,
    };
    let words = script.as_ref().map_or(words, Script::words);
    let passed = match gate(call, described, &mut signals).await {
        Ok(passed) => passed,
        Err(outcome) => return outcome,
    };
    Wrapped { call, described, passed, started: Instant::now(), started_at: Clock::system().now() }
        .run(words, &mut signals)
        .await
}

/// The signals that are the command's as well, but for those that were ignored before us.
fn listen() -> Signals {
    let ignored = ignored();
    Signals::listen(WRAPPED.iter().filter(|signal| !ignored.contains(&signal.number)))
}

/// Asks whether the deployment may begin.
///
/// # Errors
/// The outcome of the whole call, if it may not.
async fn gate(call: &Call<'_>, described: &Described, signals: &mut Signals) -> Result<Passed, Outcome> {
    let subject = call.subject(described, true);
    let body = Payload::new(described, Clock::system().now()).to_map();
    let signal = tokio::select! {
        biased;
        signal = signals.next_stop() => Some(signal),
        _ = call.flush_before(BEFORE_AN_EVENT, subject, &body) => None,
    };
    if let Some(signal) = signal {
        return Err(interrupted(call, described, None, &Wait::default(), signal).await);
    }
    let mut entry = call.note_start(&body);
    let mut wait = Wait::default();
    let (answer, end) = match call.ask(subject, &body, &mut wait, entry.as_mut(), signals).await {
        Ok(asked) => asked,
        Err(signal) => return Err(interrupted(call, described, entry, &wait, signal).await),
    };
    let outputs = call.tell(subject, &answer, &wait, &end, &Fate::Answered);
    let excused = subject.excuses(&answer.verdict) && wait.block.is_none();
    if let Some(entry) = &mut entry {
        call.note_answer(entry, &answer, &wait, excused);
    }
    let stop = match &answer.verdict {
        Verdict::Recorded(_) => None,
        Verdict::Blocked(_) => Some(Outcome::Blocked),
        Verdict::Refused(_) | Verdict::Unreachable(_) if excused => None,
        Verdict::Refused(_) => Some(Outcome::Refused),
        Verdict::Unreachable(_) => Some(Outcome::Unreachable),
    };
    match stop {
        None => Ok(Passed { entry, recorded: matches!(answer.verdict, Verdict::Recorded(_)), outputs }),
        Some(outcome) => {
            call.console.line("the command was not run");
            if may_be_open(&answer, &wait) {
                take_back(call, described, entry, outputs.clone()).await;
            }
            call.hand_on(outputs);
            // Nothing excuses a deployment that did not take place.
            Err(Outcome::Wrapped { code: outcome.exit_code(true) })
        }
    }
}

/// Whether the server may have recorded a start of which we heard nothing.
fn may_be_open(answer: &Answer, wait: &Wait) -> bool {
    match &answer.verdict {
        Verdict::Blocked(_) => wait.unanswered,
        Verdict::Unreachable(unreached) => unreached.may_be_recorded && unreached.status.is_none(),
        Verdict::Recorded(_) | Verdict::Refused(_) => false,
    }
}

/// Tells the server that nothing came of a start that it may have recorded. Gives the outputs.
async fn take_back(call: &Call<'_>, described: &Described, entry: Option<Entry>, outputs: Outputs) -> Outputs {
    let passed = Passed { entry, recorded: false, outputs };
    let wrapped = Wrapped { call, described, passed, started: Instant::now(), started_at: Clock::system().now() };
    let (told, outputs) = wrapped.report(Status::Aborted, None, Haste::Short).await;
    if told.is_settled() {
        wrapped.close();
    }
    outputs
}

/// A signal came before the command began: a start that the server may have recorded is taken back.
async fn interrupted(
    call: &Call<'_>,
    described: &Described,
    entry: Option<Entry>,
    wait: &Wait,
    signal: Signal,
) -> Outcome {
    let subject = call.subject(described, true);
    let mut outputs = call.tell_interrupted(subject, wait, signal);
    let code = Outcome::Interrupted { signal: signal.number }.exit_code(true);
    if wait.unanswered {
        outputs = Outputs { gate: Some("not_checked"), ..take_back(call, described, entry, outputs).await };
    } else if let Some(entry) = &entry {
        call.forget(entry);
    }
    call.hand_on(outputs);
    Outcome::Wrapped { code }
}

/// A deployment that the gate has let through.
struct Wrapped<'a> {
    call: &'a Call<'a>,
    described: &'a Described,
    passed: Passed,
    started: Instant,
    started_at: Timestamp,
}

/// What became of the last event.
struct Told {
    verdict: Verdict,
    kept: bool,
    excused: bool,
}

impl Told {
    /// Whether the server knows of it, or will.
    fn is_settled(&self) -> bool {
        self.kept || matches!(self.verdict, Verdict::Recorded(_))
    }
}

/// A last event that is on its way, or has gone it, and of which nobody has been told.
struct Sent {
    described: Described,
    answer: Answer,
    fate: Fate,
}

impl Wrapped<'_> {
    async fn run(self, words: &[OsString], signals: &mut Signals) -> Outcome {
        if let Some(signal) = signals.pending_stop().await {
            let code = Outcome::Interrupted { signal: signal.number }.exit_code(true);
            self.call.console.annotate(
                Level::Error,
                &format!(
                    "{} was stopped by {} before the command began",
                    self.call.subject(self.described, true).name(),
                    signal.name
                ),
                "The command was not run.",
            );
            let (told, outputs) = self.report(Status::Aborted, None, Haste::Short).await;
            return self.end(code, &told, outputs);
        }
        let running = Running::start(words, &self.changes(), self.call.settings.wrapping.stop_timeout);
        match running {
            Ok(running) => self.accompany(running, signals).await,
            Err(problem) => {
                self.call.console.annotate(Level::Error, "The command could not be started", &problem.what);
                let (told, outputs) = self.report(Status::Failed, Some(problem.exit_code), Haste::None(signals)).await;
                self.end(problem.exit_code, &told, outputs)
            }
        }
    }

    /// Stays with the command until it ends, and reports that.
    async fn accompany(&self, mut running: Running, signals: &mut Signals) -> Outcome {
        let (ended, early) = match running.end_or_overdue(signals).await {
            Some(ended) => (ended, None),
            None => {
                let sent = self.deliver(Status::Aborted, None, Haste::Short);
                let (sent, ended) = tokio::join!(sent, running.end(signals));
                (ended, Some(sent))
            }
        };
        let code = ended.exit_code();
        let stopping = running.stopping();
        if let Some((signal, _)) = stopping {
            self.call.console.line(&format!("{} came, and the command ended with {code}", signal.name));
        }
        let status = status_of(ended, stopping.is_some());
        let haste = if stopping.is_some() { Haste::Short } else { Haste::None(signals) };
        // People are told once nothing runs any more: showing things must not hold up a kill.
        let early = early.map(|sent| (sent.described.status.value.clone(), self.tell(sent, Some(code))));
        let (told, outputs) = match early {
            Some((told_status, told)) if told_status == status => told,
            _ => self.report(status, Some(code), haste).await,
        };
        self.end(code, &told, outputs)
    }

    /// What the command's environment has that ours has not, and the other way round.
    fn changes(&self) -> Changes<'_> {
        let keep = self.call.settings.wrapping.keep_api_key;
        let is_key = |name: &std::ffi::OsStr| name == "VERSIONER_API_KEY" || name == "VERSIONER_API_KEY_FILE";
        let removed = self.call.env.private().filter(|name| !(keep && is_key(name))).collect();
        // A key that came another way, such as an input, reaches the command's own calls under the name that they know.
        let key = self
            .call
            .settings
            .connection
            .key
            .as_ref()
            .filter(|key| keep && !matches!(&key.source, Source::Variable(name) if name.starts_with("VERSIONER_")));
        Changes {
            removed,
            added: key.map(|key| ("VERSIONER_API_KEY", key.value.expose().to_owned())).into_iter().collect(),
        }
    }

    /// Reports that the deployment stands at `status`, and tells people.
    async fn report(&self, status: Status, exit_code: Option<u8>, haste: Haste<'_>) -> (Told, Outputs) {
        let sent = self.deliver(status, exit_code, haste).await;
        self.tell(sent, exit_code)
    }

    /// Sends that the deployment stands at `status`, and keeps it where that fails.
    async fn deliver(&self, status: Status, exit_code: Option<u8>, haste: Haste<'_>) -> Sent {
        let described = self.described.at(Sourced { value: status, source: Source::Subcommand("run") });
        let subject = self.call.subject(&described, true);
        let mut body = Payload::new(&described, Clock::system().now()).to_map();
        if described.metadata.is_some() {
            if let Some(code) = exit_code {
                add_metadata(&mut body, "exit_code", code);
            }
            let seconds = (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            add_metadata(&mut body, "deployment_duration_seconds", seconds);
        }
        if !self.passed.recorded {
            add_metadata(&mut body, "vi_started_at", stamp(self.started_at));
        }
        let answer = self.send(&described, &body, haste).await;
        let fate = self.call.keep(subject, &body, &answer, &Wait::default()).await;
        Sent { described, answer, fate }
    }

    /// Tells people what became of the last event, and gives the outputs.
    fn tell(&self, sent: Sent, exit_code: Option<u8>) -> (Told, Outputs) {
        let Sent { described, answer, fate } = sent;
        let subject = self.call.subject(&described, true);
        let told = self.call.tell(subject, &answer, &Wait::default(), &End::Answered, &fate);
        let outputs = Outputs {
            gate: self.passed.outputs.gate,
            waited_seconds: self.passed.outputs.waited_seconds,
            attempts: told.attempts.zip(self.passed.outputs.attempts).map(|(last, first)| last + first),
            exit_code,
            status: Some(match described.status.value {
                Status::Completed => "completed",
                Status::Aborted => "aborted",
                _ => "failed",
            }),
            ..told
        };
        let excused = matches!(fate, Fate::Answered) && subject.excuses(&answer.verdict);
        (Told { verdict: answer.verdict, kept: matches!(fate, Fate::Kept(_)), excused }, outputs)
    }

    /// Sends the last event: with the patience of any event until a signal comes, from then on in haste.
    async fn send(&self, described: &Described, body: &Map<String, Value>, haste: Haste<'_>) -> Answer {
        let signals = match haste {
            Haste::None(signals) => signals,
            Haste::Short => {
                return self.send_in_order(&self.call.client.hurried(SHORT), SHORT_FLUSH, described, body).await;
            }
        };
        let sending = self.send_in_order(self.call.client, BEFORE_AN_EVENT, described, body);
        tokio::pin!(sending);
        let signal = tokio::select! {
            answer = &mut sending => return answer,
            signal = signals.next_stop() => signal,
        };
        tokio::select! {
            answer = &mut sending => answer,
            () = sleep_until(Instant::now() + REPORT_AFTER) => Answer::unsent(Unreached {
                what: format!("{} came while it was sent, and no answer within {} s", signal.name, REPORT_AFTER.as_secs()),
                advice: None,
                status: None,
                may_be_recorded: true,
            }),
        }
    }

    async fn send_in_order(
        &self,
        client: &Client,
        flush: Duration,
        described: &Described,
        body: &Map<String, Value>,
    ) -> Answer {
        let subject = self.call.subject(described, true);
        if self.call.flush_before(flush, subject, body).await.contains(&Scope::of(body)) {
            return held_back();
        }
        let sending = Sending { event_type: described.event_type, body, key: None };
        self.call.send(client, sending, false).await
    }

    /// Hands on the outputs, and gives the outcome of a command that ended with `code`.
    fn end(&self, code: u8, told: &Told, outputs: Outputs) -> Outcome {
        self.call.hand_on(outputs);
        if told.is_settled() {
            self.close();
        }
        let lost = match &told.verdict {
            _ if told.is_settled() || told.excused => 0,
            Verdict::Refused(_) if self.call.settings.fail_on_api_error => Outcome::Refused.exit_code(true),
            _ => Outcome::Lost.exit_code(true),
        };
        Outcome::Wrapped { code: if code == 0 { lost } else { code } }
    }

    /// Forgets the deployment: it is closed.
    fn close(&self) {
        if let Some(entry) = &self.passed.entry {
            self.call.forget(entry);
        }
    }
}

fn status_of(ended: Ended, stopped: bool) -> Status {
    match (ended.exit_code(), stopped) {
        (0, _) => Status::Completed,
        (_, true) => Status::Aborted,
        (_, false) => Status::Failed,
    }
}
