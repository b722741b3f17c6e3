//! Reporting how a wrapped command ended.

use super::{GatePass, WrappedRun};
use crate::delivery::{Delivered, OpenEntries, OutgoingEvent, SendBudget, deliver};
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::payload::{Payload, add_metadata};
use crate::model::source::{Source, Sourced};
use crate::model::status::Status;
use crate::process::signals::Signals;
use crate::report::{CommandEnd, Outputs, ReportContext};
use crate::settings::RunCommand;
use crate::state::JournalEntry;
use crate::text::Foreign;
use std::time::Duration;

/// The end of a deployment, as it is reported.
pub(super) struct FinalReport {
    pub(super) status: Status,
    /// `None` if the command never ran.
    pub(super) run: Option<CommandRun>,
    /// The signal that came.
    pub(super) signal: Option<&'static str>,
    /// Why the command could not be started.
    pub(super) problem: Option<String>,
    pub(super) budget: SendBudget,
}

/// A command that ran.
#[derive(Clone, Copy)]
pub(super) struct CommandRun {
    /// How long it has run.
    pub(super) duration: Duration,
    /// `None` while it still runs.
    pub(super) exit_code: Option<u8>,
}

/// Whether the rules were checked.
pub(super) enum GateCheck {
    /// They passed: the API has recorded the start, and so knows when it was.
    Passed,
    /// They were not, because of this.
    NotChecked(String),
}

impl GateCheck {
    /// The value of `vi_gate`: an ungated deployment leaves a trail.
    pub(super) fn metadata(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::NotChecked(reason) => format!("not_checked: {reason}"),
        }
    }
}

impl WrappedRun<'_> {
    /// Sends and shows the end.
    pub(super) async fn report_end(
        &self,
        pass: GatePass,
        report: &FinalReport,
        exit_code: Option<u8>,
        signals: Option<&mut Signals>,
    ) -> (Delivered, Outputs) {
        let delivered = self.deliver_end(pass.entries, &pass.check, report, signals).await;
        self.show_end(delivered, report, &pass.outputs, exit_code)
    }

    pub(super) fn final_event(&self, report: &FinalReport) -> Event {
        self.plan.event.with_status(Sourced { value: report.status.clone(), source: Source::Subcommand("run") })
    }

    pub(super) async fn deliver_end(
        &self,
        entries: Vec<JournalEntry>,
        check: &GateCheck,
        report: &FinalReport,
        signals: Option<&mut Signals>,
    ) -> Delivered {
        let event = self.final_event(report);
        let mut body = Payload::new(&event, Clock::system().now()).to_map();
        if let Some(run) = &report.run
            && event.metadata.is_some()
        {
            if let Some(code) = run.exit_code {
                add_metadata(&mut body, "exit_code", code);
            }
            let seconds = (run.duration.as_secs_f64() * 1000.0).round() / 1000.0;
            add_metadata(&mut body, "deployment_duration_seconds", seconds);
        }
        for (key, value) in self.gate_metadata(check) {
            add_metadata(&mut body, &key, value);
        }
        let outgoing = OutgoingEvent {
            context: self.session.context(&event, true),
            body,
            wait: &self.wait,
            budget: report.budget,
            entries: OpenEntries::Given(entries),
        };
        deliver(self.session, outgoing, signals).await
    }

    /// Reports the end to people. Returns the outputs of the whole run.
    pub(super) fn show_end(
        &self,
        delivered: Delivered,
        report: &FinalReport,
        gate: &Outputs,
        exit_code: Option<u8>,
    ) -> (Delivered, Outputs) {
        let event = self.final_event(report);
        let end = self.command_end(report, exit_code);
        let context = ReportContext { end: Some(&end), ..self.session.context(&event, true) };
        self.session.report(&delivered, context);
        let last = self.session.outputs(&delivered, context);
        let outputs = Outputs {
            gate: gate.gate,
            waited_seconds: gate.waited_seconds,
            attempts: last.attempts.zip(gate.attempts).map(|(last, first)| last + first),
            exit_code,
            deployment_status: Some(match report.status {
                Status::Completed => "completed",
                Status::Aborted => "aborted",
                Status::Failed | Status::Pending | Status::Started | Status::Unknown(_) => "failed",
            }),
            ..last
        };
        (delivered, outputs)
    }

    fn command_end(&self, report: &FinalReport, exit_code: Option<u8>) -> CommandEnd {
        CommandEnd {
            program: match &self.plan.command {
                RunCommand::Words(words) => words.first().map(|word| Foreign::new(word.to_string_lossy())),
                RunCommand::Script(_) => None,
            },
            exit_code,
            duration: report.run.map(|run| run.duration),
            signal: report.signal,
            problem: report.problem.clone(),
        }
    }

    /// Sets the outputs. Returns the exit code for a command that ended with `code`.
    pub(super) fn end(&self, delivered: &Delivered, outputs: Outputs, code: u8) -> u8 {
        self.session.set_outputs(outputs);
        delivered.outcome.exit_code_of_run(code, self.session.settings.errors.fail_on_api_error)
    }
}
