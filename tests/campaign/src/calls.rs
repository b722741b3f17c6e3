//! Each call by itself: its exit code, its outputs and the server's record agree, as the documentation says.

use crate::events::{Delivery, attempts, deliveries, ordering_key};
use crate::expected::{Answer, Attempt, End, Known, Role, known};
use crate::invariants::all_calls;
use crate::reply::Meaning;
use crate::schedule::{Command, Schedule};
use crate::world::{Observed, ObservedCall, ObservedStep};

const ENDS: [&str; 3] = ["completed", "failed", "aborted"];

/// The exit code, the outputs and the server's record of every call that no signal has ended.
pub(crate) fn exit_code_outputs_and_requests_agree(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let deliveries = deliveries(schedule, observed);
    let calls = all_calls(observed).filter(|(_, call)| !call.signalled && call.in_time);
    calls
        .filter_map(|(at, call)| {
            let case = Case { schedule, observed, deliveries: &deliveries, step: &observed.steps[at], at, call };
            let why = case.check().err()?;
            Some(format!("call {} ({:?}): {why}; it printed {:?}", call.id, call.call.command, call.stderr))
        })
        .collect()
}

/// A wrapped command runs only if a request for its gate may have been answered with a success, or if the settings allow an
/// ungated deployment and nothing blocked it.
pub(crate) fn command_runs_only_through_an_open_gate(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let deliveries = deliveries(schedule, observed);
    let mut broken = Vec::new();
    for (at, call) in all_calls(observed).filter(|(_, call)| call.command_ran) {
        let gate = attempts(&deliveries, &observed.steps[at], at, call, &["started"]);
        let it = call.call.settings;
        let passed = gate.iter().any(|attempt| attempt.meanings.contains(&Meaning::Recorded));
        let always_blocks = |attempt: &Attempt| attempt.meanings.iter().all(|it| matches!(it, Meaning::Blocked { .. }));
        let ungated = !it.fail_on_api_error && !it.require_gate && !gate.iter().any(always_blocks);
        if !passed && !ungated {
            broken.push(format!("call {} ran its command after {gate:?}", call.id));
        }
    }
    broken
}

/// One call, and what is known about it.
struct Case<'a> {
    schedule: &'a Schedule,
    observed: &'a Observed,
    deliveries: &'a [Delivery<'a>],
    step: &'a ObservedStep,
    at: usize,
    call: &'a ObservedCall,
}

impl Case<'_> {
    fn check(&self) -> Result<(), String> {
        match &self.call.call.command {
            Command::Deployment { status, .. } => self.check_track(status),
            Command::Build { .. } => self.check_track("completed"),
            Command::Run { exit, .. } => self.check_run(i32::from(*exit)),
            Command::Finish { .. } | Command::Flush => self.check_claims(),
        }
    }

    fn attempts(&self, statuses: &[&str]) -> Vec<Attempt> {
        attempts(self.deliveries, self.step, self.at, self.call, statuses)
    }

    fn check_track(&self, status: &str) -> Result<(), String> {
        let role = match (&self.call.call.command, status) {
            (Command::Deployment { .. }, "started") => Role::Gate,
            (Command::Deployment { .. }, "pending") => Role::Other,
            _ => Role::End,
        };
        let settings = self.call.call.settings;
        let attempts = self.attempts(&[status]);
        let ends = |known: Known| Ok(vec![known.end_of_track(settings, role)]);
        self.any_fits(&attempts, role, &ends)
    }

    fn check_run(&self, exit: i32) -> Result<(), String> {
        let settings = self.call.call.settings;
        let (gate, end) = (self.attempts(&["started"]), self.attempts(&ENDS));
        let ends = |known: Known| {
            if known.opens_gate(settings, true) != self.call.command_ran {
                let verb = if self.call.command_ran { "ran" } else { "did not run" };
                return Err(format!("the command {verb}, and the gate came to {known:?}"));
            }
            if !self.call.command_ran {
                if !known.maybe_recorded && !end.is_empty() {
                    return Err("an end was reported of what never began".to_owned());
                }
                return Ok(vec![known.end_of_closed_run(settings)]);
            }
            let of = |last: Known| Some(last.end_of_run(known, settings, exit));
            Ok(self.possible(&end, Role::End)?.into_iter().filter_map(of).collect())
        };
        self.any_fits(&gate, Role::Gate, &ends)
    }

    /// A call about several events: what it claims must be true.
    fn check_claims(&self) -> Result<(), String> {
        let outcome = self.call.outputs.get("outcome").map(String::as_str);
        let is_here = |it: &&Delivery<'_>| it.step == self.at;
        let recorded = self.deliveries.iter().filter(is_here).any(Delivery::is_recorded);
        match (outcome, self.call.exit) {
            (Some("recorded"), Some(0)) if recorded => Ok(()),
            (Some("recorded"), _) => Err(format!("'recorded' with exit code {:?} and {recorded}", self.call.exit)),
            (Some("spooled"), Some(0 | 1)) | (None, Some(0 | 1)) => Ok(()),
            (Some("blocked"), Some(5)) => Ok(()),
            (Some("rejected"), Some(code)) if code == 4 || code == 0 && !self.call.call.settings.fail_on_api_error => {
                Ok(())
            }
            (Some("unavailable"), Some(1)) => Ok(()),
            (outcome, exit) => Err(format!("{outcome:?} with exit code {exit:?}")),
        }
    }

    /// Whether the call ended as `ends` says for one of the possible histories of `attempts`.
    fn any_fits(
        &self,
        attempts: &[Attempt],
        role: Role,
        ends: &dyn Fn(Known) -> Result<Vec<End>, String>,
    ) -> Result<(), String> {
        let found = End { exit: self.call.exit.unwrap_or(-1), outcome: "", gate: None };
        let output = |name: &str| self.call.outputs.get(name).map(String::as_str);
        let mut why = String::new();
        for known in self.possible(attempts, role)? {
            match ends(known) {
                Err(error) => why = error,
                Ok(possible) => {
                    let fits = |end: &End| {
                        end.exit == found.exit && Some(end.outcome) == output("outcome") && end.gate == output("gate")
                    };
                    if possible.iter().any(fits) {
                        return Ok(());
                    }
                    why = format!(
                        "exit code {}, outcome {:?}, gate {:?}; expected one of {possible:?} after {known:?}",
                        found.exit,
                        output("outcome"),
                        output("gate")
                    );
                }
            }
        }
        Err(format!("{why}; attempts {attempts:?}"))
    }

    /// What can have become of an event with these attempts.
    fn possible(&self, attempts: &[Attempt], role: Role) -> Result<Vec<Known>, String> {
        let nothing = |answer| Known { answer, was_blocked: false, maybe_recorded: false };
        if attempts.is_empty() {
            let held = role != Role::Gate && self.has_earlier_event();
            return match (self.schedule.steps[self.at].outage, held) {
                (true, true) => Ok(vec![nothing(Answer::Unavailable), nothing(Answer::HeldBack)]),
                (true, false) => Ok(vec![nothing(Answer::Unavailable)]),
                (false, true) => Ok(vec![nothing(Answer::HeldBack)]),
                (false, false) => Err("nothing was sent".to_owned()),
            };
        }
        let mut possible = Vec::new();
        let mut error = String::new();
        for history in histories(attempts) {
            match known(&history, self.call.call.settings) {
                Ok(known) => possible.push(known),
                Err(why) => error = why,
            }
        }
        if possible.is_empty() { Err(format!("{error}; attempts {attempts:?}")) } else { Ok(possible) }
    }

    /// Whether a spooled event of the same product and environment may come first.
    fn has_earlier_event(&self) -> bool {
        let environment = match &self.call.call.command {
            Command::Deployment { environment, .. } | Command::Run { environment, .. } => format!("env{environment}"),
            Command::Build { .. } | Command::Finish { .. } | Command::Flush => String::new(),
        };
        let same = |key: (String, String)| key == ("shop".to_owned(), environment.clone());
        let before = self.step.spooled_before.iter().any(|record| same(ordering_key(&record["payload"])));
        // Other calls of the step may have spooled one.
        before || self.observed.steps[self.at].calls.len() > 1
    }
}

/// Every combination of the possible meanings.
fn histories(attempts: &[Attempt]) -> Vec<Vec<(&Attempt, Meaning)>> {
    let mut histories = vec![Vec::new()];
    for attempt in attempts {
        let extended = histories.iter().flat_map(|history| {
            attempt.meanings.iter().map(move |meaning| [history.as_slice(), &[(attempt, *meaning)]].concat())
        });
        histories = extended.take(4_096).collect();
    }
    histories
}
