//! Outputs: the result of a call for later steps and for other programs.
//!
//! Owns: their names, values and forms. Does not own: where a CI system takes them.

use super::{Delivery, ReportContext};
use crate::files::append;
use crate::gate::wait::WaitEnd;
use crate::gate::{BlockEnd, FailReason, block_end};
use crate::model::event::EventType;
use crate::model::outcome::Outcome;
use crate::model::policy::GateState;
use crate::model::verdict::{Answer, Receipt, Verdict};
use crate::state::SpoolResult;
use crate::text::{Foreign, quote_shell};
use jiff::Timestamp;
use serde::Serialize;
use std::io;
use std::path::Path;

/// All outputs. Unknown ones are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the documentation of the outputs explains each by its name")]
pub struct Outputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_status: Option<&'static str>,
}

impl Outputs {
    /// The outputs of a delivery with `outcome`, whose gate (if the event is one) is `gate`, at `now` by our clock.
    #[must_use]
    pub fn of(
        delivery: &Delivery,
        context: ReportContext<'_>,
        outcome: Outcome,
        gate: Option<GateState>,
        now: Timestamp,
    ) -> Self {
        let wait = &delivery.wait;
        let block = match &delivery.answer {
            Answer::Verdict(Verdict::Blocked(block)) => Some(block),
            Answer::Interrupted { .. } | Answer::Superseded(_) => wait.block.as_ref(),
            Answer::HeldBack | Answer::Verdict(_) => None,
        };
        let clean = |text: Option<&Foreign>| text.map(|text| text.clean().to_owned());
        let end = block.map(|block| block_end(block, delivery.server_clock.at(now)));
        let waited_seconds = wait.waited().map_or(0, |waited| waited.as_secs_f64().round() as u64);
        let mut outputs = Self {
            outcome: outcome_word(outcome, block.is_some(), &delivery.spool),
            gate: gate.and_then(|gate| gate_word(gate, delivery)),
            wait_result: wait_result(&delivery.wait_end),
            http_status: delivery.http_status,
            block_code: clean(block.and_then(|block| block.code.as_ref())),
            block_message: clean(block.and_then(|block| block.message.as_ref())),
            block_rule: clean(block.and_then(|block| block.rule())),
            retry_after: clean(end.and_then(BlockEnd::text).as_ref()),
            waited_seconds: Some(waited_seconds),
            attempts: Some(delivery.requests),
            ..Self::default()
        };
        if let Answer::Verdict(Verdict::Recorded(receipt)) = &delivery.answer {
            outputs.add_receipt(context, receipt);
        }
        outputs
    }

    fn add_receipt(&mut self, context: ReportContext<'_>, receipt: &Receipt) {
        let clean = |text: &Option<Foreign>| text.as_ref().map(|text| text.clean().to_owned());
        self.url = link(context, receipt);
        match context.event.event_type {
            EventType::Deployment => self.deployment_id = clean(&receipt.id),
            EventType::Build => self.build_id = clean(&receipt.id),
        }
        self.event_id = clean(&receipt.event_id);
        self.version_id = clean(&receipt.version_id);
        self.product_id = clean(&receipt.product_id);
        self.environment_id = clean(&receipt.environment_id);
    }

    /// The same with every text passed through `redact`.
    #[must_use]
    pub fn redacted(mut self, redact: impl Fn(&str) -> String) -> Self {
        let texts = [
            &mut self.deployment_id,
            &mut self.event_id,
            &mut self.build_id,
            &mut self.version_id,
            &mut self.product_id,
            &mut self.environment_id,
            &mut self.url,
            &mut self.block_code,
            &mut self.block_message,
            &mut self.block_rule,
            &mut self.retry_after,
        ];
        for text in texts.into_iter().flatten() {
            *text = redact(text);
        }
        self
    }

    /// As one JSON object on one line.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// As names and single-line texts.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let word = |word: Option<&'static str>| word.map(str::to_owned);
        let all = [
            ("outcome", word(self.outcome)),
            ("gate", word(self.gate)),
            ("wait_result", word(self.wait_result)),
            ("http_status", number(self.http_status.map(u64::from))),
            ("deployment_id", self.deployment_id.clone()),
            ("event_id", self.event_id.clone()),
            ("build_id", self.build_id.clone()),
            ("version_id", self.version_id.clone()),
            ("product_id", self.product_id.clone()),
            ("environment_id", self.environment_id.clone()),
            ("url", self.url.clone()),
            ("block_code", self.block_code.clone()),
            ("block_message", self.block_message.clone()),
            ("block_rule", self.block_rule.clone()),
            ("retry_after", self.retry_after.clone()),
            ("waited_seconds", number(self.waited_seconds)),
            ("attempts", number(self.attempts.map(u64::from))),
            ("exit_code", number(self.exit_code.map(u64::from))),
            ("deployment_status", word(self.deployment_status)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Appends them to the file at `path` as `VERSIONER_NAME=value` lines. Values are quoted for a shell, as such files are
    /// sourced.
    ///
    /// # Errors
    /// The error of opening or writing the file.
    pub fn append_to(&self, path: &Path) -> io::Result<()> {
        let lines: String = self
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("VERSIONER_{}={}\n", name.to_uppercase(), quote_shell(&value)))
            .collect();
        append(path, &lines)
    }
}

/// The `outcome` of a call. An interrupted one has an outcome only if it was blocked or its event is spooled.
fn outcome_word(outcome: Outcome, blocked: bool, spool: &SpoolResult) -> Option<&'static str> {
    match outcome {
        Outcome::Recorded => Some("recorded"),
        Outcome::Blocked => Some("blocked"),
        Outcome::Superseded => Some("superseded"),
        Outcome::Rejected { .. } | Outcome::Lost { rejected: true } => Some("rejected"),
        Outcome::Unavailable { .. } | Outcome::Lost { rejected: false } => Some("unavailable"),
        Outcome::Spooled { .. } => Some("spooled"),
        Outcome::Interrupted { .. } => match spool {
            SpoolResult::Spooled(_) => Some("spooled"),
            SpoolResult::NotSpooled | SpoolResult::Failed(_) => blocked.then_some("blocked"),
        },
        Outcome::Done | Outcome::Misconfigured => None,
    }
}

/// The `gate` of a call that asked the rules.
fn gate_word(gate: GateState, delivery: &Delivery) -> Option<&'static str> {
    let was_blocked = delivery.wait.block.is_some();
    match (gate, &delivery.answer) {
        (GateState::Passed, _) => Some("passed"),
        (_, Answer::Interrupted { .. }) => was_blocked.then_some("blocked"),
        (GateState::Closed, _) if was_blocked => Some("blocked"),
        (GateState::Closed, Answer::Verdict(Verdict::Blocked(_)) | Answer::Superseded(_)) => Some("blocked"),
        (GateState::Closed | GateState::NotChecked, _) => Some("not_checked"),
    }
}

/// The `wait_result` of a block.
fn wait_result(end: &WaitEnd) -> Option<&'static str> {
    match end {
        WaitEnd::Answered | WaitEnd::Superseded(_) => None,
        WaitEnd::Blocked(FailReason::Setting | FailReason::Unreadable | FailReason::Park | FailReason::Stale(_)) => {
            Some("not_waited")
        }
        WaitEnd::Blocked(FailReason::BeyondDeadline) | WaitEnd::TooFarToPark(_) => Some("too_far"),
        WaitEnd::Parked(_) => Some("parked"),
        WaitEnd::Blocked(FailReason::DeadlineReached) => Some("timed_out"),
    }
}

/// The console's page for what was recorded.
#[must_use]
pub fn link(context: ReportContext<'_>, receipt: &Receipt) -> Option<String> {
    match context.event.event_type {
        EventType::Deployment => context.deployment_link(receipt.id.as_ref()?),
        EventType::Build => context.version_link(receipt.version_id.as_ref()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_json_have_the_same_outputs() {
        let text = || Some("x y".to_owned());
        let outputs = Outputs {
            outcome: Some("blocked"),
            gate: Some("blocked"),
            wait_result: Some("timed_out"),
            http_status: Some(423),
            deployment_id: text(),
            event_id: text(),
            build_id: text(),
            version_id: text(),
            product_id: text(),
            environment_id: text(),
            url: text(),
            block_code: text(),
            block_message: text(),
            block_rule: text(),
            retry_after: text(),
            waited_seconds: Some(0),
            attempts: Some(1),
            exit_code: Some(0),
            deployment_status: Some("completed"),
        };
        let serde_json::Value::Object(json) = serde_json::from_str(&outputs.json()).unwrap() else {
            panic!("no object")
        };
        let names: Vec<&str> = outputs.pairs().iter().map(|(name, _)| *name).collect();
        assert_eq!(json.len(), names.len());
        assert!(names.iter().all(|name| json.contains_key(*name)));
        assert!(json["http_status"].is_number() && json["block_code"].is_string());
        assert_eq!(Outputs::default().json(), "{}");
    }
}
