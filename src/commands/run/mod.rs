//! `versioner run`: checks the rules, runs the command, reports how it ended.
//!
//! Owns: the order of things. Does not own: the child process (`process`), nor sending events (`delivery`).

mod end;

use super::supervise::Orders;
use crate::delivery::{Delivered, OpenEntries, OutgoingEvent, SendBudget, Session, deliver};
use crate::env::Env;
use crate::model::clock::Clock;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::model::payload::Payload;
use crate::model::policy::{GateState, WaitPolicy};
use crate::model::source::Source;
use crate::model::status::Status;
use crate::model::time::rfc3339;
use crate::process::signals::{Signals, WRAPPED};
use crate::process::{EnvChanges, RunningCommand, Script, Supervisor};
use crate::report::Outputs;
use crate::settings::{RunCommand, RunPlan};
use crate::state::JournalEntry;
use crate::text::truncate;
use end::{CommandRun, FinalReport, GateCheck};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use tokio::time::Instant;

/// Wraps the command. Returns the exit code.
pub(super) async fn run(session: &Session<'_>, env: &Env, plan: &RunPlan) -> u8 {
    let mut signals = Signals::listen(WRAPPED);
    if session.system.source_system.is_some() {
        signals.follow_parent();
    }
    session.console.line(&session.context(&plan.event, true).line());
    let script = match &plan.command {
        RunCommand::Words(_) => None,
        RunCommand::Script(text) => match Script::write(text, temp_dir(session, env).as_deref(), env) {
            Ok(script) => Some(script),
            Err(error) => {
                let title = "The script cannot be run: no event was sent";
                session.console.annotate(Level::Error, title, &format!("{error}."));
                session.set_outputs(Outputs::default());
                return Outcome::Misconfigured.exit_code();
            }
        },
    };
    let words = match (&plan.command, &script) {
        (RunCommand::Words(words), _) => words.as_slice(),
        (RunCommand::Script(_), script) => script.as_ref().map(Script::words).unwrap_or_default(),
    };
    // Before anything is sent: what cannot be set up is an error now, not beside a running command.
    let mut supervisor = match Supervisor::start(env, Vec::new()).await {
        Ok(supervisor) => supervisor,
        Err(error) => {
            let title = "The command cannot be supervised: no event was sent";
            session.console.annotate(Level::Error, title, &error.to_string());
            session.set_outputs(Outputs::default());
            return Outcome::Misconfigured.exit_code();
        }
    };
    let wait = session.settings.wait.never_wait();
    let body = Payload::new(&plan.event, Clock::system().now()).to_map();
    let wrapped = WrappedRun { session, env, plan, body, wait, started_at: Clock::system().now() };
    match wrapped.gate(&mut signals).await {
        Ok(pass) => wrapped.run(pass, words, &mut supervisor, &mut signals).await,
        Err(code) => code,
    }
}

/// The job's temporary directory.
fn temp_dir(session: &Session<'_>, env: &Env) -> Option<PathBuf> {
    session.system.temp_dir(env).map(|(_, path)| path)
}

/// A deployment and the command that carries it out.
struct WrappedRun<'a> {
    session: &'a Session<'a>,
    env: &'a Env,
    plan: &'a RunPlan,
    /// The body of the `started` event.
    body: Map<String, Value>,
    /// The end never waits.
    wait: WaitPolicy,
    started_at: Timestamp,
}

/// A gate that lets the command run.
struct GatePass {
    entries: Vec<JournalEntry>,
    check: GateCheck,
    outputs: Outputs,
}

impl WrappedRun<'_> {
    /// Sends `started`.
    ///
    /// # Errors
    /// The exit code if the command must not run.
    async fn gate(&self, signals: &mut Signals) -> Result<GatePass, u8> {
        let session = self.session;
        let context = session.context(&self.plan.event, true);
        let outgoing = OutgoingEvent {
            context,
            body: self.body.clone(),
            wait: &session.settings.wait,
            budget: SendBudget::FULL,
            entries: OpenEntries::LookUp,
        };
        let delivered = deliver(session, outgoing, Some(signals)).await;
        session.report(&delivered, context);
        let outputs = session.outputs(&delivered, context);
        match delivered.decision.gate {
            Some(GateState::Passed) => Ok(GatePass { entries: delivered.open, check: GateCheck::Passed, outputs }),
            Some(GateState::NotChecked) => {
                let check = GateCheck::NotChecked(self.failure(&delivered));
                Ok(GatePass { entries: delivered.open, check, outputs })
            }
            Some(GateState::Closed) | None => Err(self.closed(delivered, outputs).await),
        }
    }

    /// Why the rules were not checked, in one line.
    fn failure(&self, delivered: &Delivered) -> String {
        let failure = delivered.delivery.failure(self.session.context(&self.plan.event, true));
        // The key is removed first: a part of it would not be recognized.
        truncate(&self.session.console.redact(&failure), 500, "…", char::len_utf8)
    }

    /// The gate is closed: the command does not run. Returns the exit code.
    async fn closed(&self, delivered: Delivered, outputs: Outputs) -> u8 {
        let session = self.session;
        let code = delivered.outcome.exit_code();
        let interrupted = matches!(delivered.outcome, Outcome::Interrupted { .. });
        if !interrupted {
            session.console.line("the command was not run");
        }
        let outputs = match delivered.may_be_recorded() {
            false => outputs,
            // The API may have recorded the start: it must hear that nothing came of it.
            true => {
                let gate = outputs.clone();
                let check = GateCheck::NotChecked(self.failure(&delivered));
                let pass = GatePass { entries: delivered.open, check, outputs };
                let report = FinalReport {
                    status: Status::Aborted,
                    run: None,
                    signal: None,
                    problem: None,
                    budget: SendBudget::SHORT,
                };
                let (_, last) = self.report_end(pass, &report, None, None).await;
                match interrupted {
                    true => Outputs { gate: Some(gate.gate.unwrap_or("not_checked")), ..last },
                    false => gate,
                }
            }
        };
        session.set_outputs(outputs);
        code
    }

    /// Runs the command and reports its end. Returns the exit code.
    async fn run(&self, pass: GatePass, words: &[OsString], supervisor: &mut Supervisor, signals: &mut Signals) -> u8 {
        let session = self.session;
        if let Some(signal) = signals.pending_stop().await {
            let name = session.context(&self.plan.event, true).name();
            let title = format!("Aborted by {}: {name} was cleared, but the command had not begun", signal.name);
            session.console.annotate(Level::Error, &title, "The command was not run.");
            let code = Outcome::Interrupted { signal: signal.number }.exit_code();
            let name = Some(signal.name);
            let report = FinalReport {
                status: Status::Aborted,
                run: None,
                signal: name,
                problem: None,
                budget: SendBudget::SHORT,
            };
            let (delivered, outputs) = self.report_end(pass, &report, None, None).await;
            return self.end(&delivered, outputs, code);
        }
        let started = Instant::now();
        // From here on, the supervisor reports the end if this process is killed.
        let running = match supervisor.set_payload(self.orders(&pass).payload()) {
            Ok(()) => supervisor.run(words, &self.env_changes(), self.plan.stop_timeout).await,
            Err(error) => Err(error),
        };
        match running {
            Ok(running) => self.accompany(running, started, pass, signals).await,
            Err(error) => {
                let code = error.exit_code();
                let report = FinalReport {
                    status: Status::Failed,
                    run: None,
                    signal: None,
                    problem: Some(error.to_string()),
                    budget: SendBudget::LAST,
                };
                let (delivered, outputs) = self.report_end(pass, &report, Some(code), Some(signals)).await;
                let _ = supervisor.set_payload(Vec::new());
                self.end(&delivered, outputs, code)
            }
        }
    }

    /// What the supervisor needs to report the end.
    fn orders(&self, pass: &GatePass) -> Orders {
        let metadata = self.gate_metadata(&pass.check);
        Orders::new(self.session, self.env, self.body.clone(), metadata, !pass.entries.is_empty())
    }

    /// What the end says about the gate.
    fn gate_metadata(&self, check: &GateCheck) -> Vec<(String, String)> {
        let mut metadata = Vec::new();
        if self.plan.event.metadata.is_some() {
            metadata.push(("vi_gate".to_owned(), self.session.console.redact(&check.metadata())));
        }
        if matches!(check, GateCheck::NotChecked(_)) {
            metadata.push(("vi_started_at".to_owned(), rfc3339(self.started_at)));
        }
        metadata
    }

    /// Stays with the command until it ends, and reports its end. Returns the exit code.
    async fn accompany(
        &self,
        mut running: RunningCommand<'_>,
        started: Instant,
        mut pass: GatePass,
        signals: &mut Signals,
    ) -> u8 {
        let run = |exit_code| Some(CommandRun { duration: started.elapsed(), exit_code });
        let (end, aborted) = match running.end_or_overdue(signals).await {
            Some(end) => (end, None),
            // The agent may kill this process before the command ends: the abort is reported now.
            None => {
                let report = FinalReport {
                    status: Status::Aborted,
                    run: run(None),
                    signal: running.stopping().map(|(signal, _)| signal.name),
                    problem: None,
                    budget: SendBudget::SHORT,
                };
                let entries = std::mem::take(&mut pass.entries);
                let sending = self.deliver_end(entries, &pass.check, &report, None);
                let (delivered, end) = tokio::join!(sending, running.end(signals));
                (end, Some((report, delivered)))
            }
        };
        let code = end.exit_code();
        let run = run(Some(code));
        let stop = running.stopping();
        if let Some((signal, _)) = stop {
            self.session.console.line(&format!("{} came, and the command ended with {code}", signal.name));
        }
        let status = Status::of_command(code, stop.is_some());
        let (delivered, outputs) = match aborted {
            // Shown only now that the command has ended: it must not delay a kill.
            Some((report, delivered)) if status == report.status => {
                self.show_end(delivered, &report, &pass.outputs, Some(code))
            }
            aborted => {
                pass.entries.extend(aborted.into_iter().flat_map(|(_, delivered)| delivered.open));
                let (budget, signals) = match stop {
                    Some(_) => (SendBudget::SHORT, None),
                    None => (SendBudget::LAST, Some(signals)),
                };
                let report =
                    FinalReport { status, run, signal: stop.map(|(signal, _)| signal.name), problem: None, budget };
                self.report_end(pass, &report, Some(code), signals).await
            }
        };
        // The end is reported, or its loss is: nothing is left for the supervisor. It may be gone already.
        let _ = running.set_payload(Vec::new());
        self.end(&delivered, outputs, code)
    }

    /// The command's environment compared with ours.
    fn env_changes(&self) -> EnvChanges<'_> {
        let keep = self.plan.keep_api_key;
        let is_key = |name: &OsStr| name == "VERSIONER_API_KEY" || name == "VERSIONER_API_KEY_FILE";
        let removed = self.env.private().filter(|name| !(keep && is_key(name))).collect();
        // A key from another source reaches the command under the name that its own calls of versioner read. The file in the
        // home directory they read themselves.
        let is_inherited = |source: &Source| match source {
            Source::Variable(name) => name.starts_with("VERSIONER_"),
            Source::ConfigFile(line) => !line.named,
            _ => false,
        };
        let key = self.session.settings.api.key.as_ref().filter(|key| keep && !is_inherited(&key.source));
        EnvChanges {
            removed,
            added: key.map(|key| ("VERSIONER_API_KEY", key.value.expose().to_owned())).into_iter().collect(),
        }
    }
}
