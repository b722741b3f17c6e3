//! `versioner track …`, and `versioner` without a subcommand: reports one event.

use crate::delivery::{OpenEntries, OutgoingEvent, SendBudget, Session, deliver};
use crate::model::clock::Clock;
use crate::model::payload::Payload;
use crate::model::status::Status;
use crate::process::signals::{STOP, Signals};
use crate::report::ReportContext;
use crate::settings::ReportPlan;

/// Reports the event. Returns the exit code.
pub(super) async fn track(session: &Session<'_>, plan: &ReportPlan) -> u8 {
    let event = &plan.event;
    let context = ReportContext { failure_fails_step: plan.failure_fails_job, ..session.context(event, false) };
    session.console.line(&context.line());
    let outgoing = OutgoingEvent {
        context,
        body: Payload::new(event, Clock::system().now()).to_map(),
        wait: &session.settings.wait,
        budget: SendBudget::FULL,
        entries: OpenEntries::LookUp,
    };
    let delivered = deliver(session, outgoing, Some(&mut Signals::listen(STOP))).await;
    session.report(&delivered, context);
    session.set_outputs(session.outputs(&delivered, context));
    let reports_failure = event.status.value == Status::Failed;
    match delivered.outcome.exit_code() {
        0 if plan.failure_fails_job && reports_failure => 1,
        code => code,
    }
}
