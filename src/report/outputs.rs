//! Outputs: what later steps and other programs learn of a call.
//!
//! Owns: their names and forms. Does not own: where a CI system takes them.

use crate::ci::surface::append;
use crate::text::shell;
use serde::Serialize;
use std::path::Path;

/// All outputs. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the README explains each under its name")]
pub struct Outputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<&'static str>,
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
    pub retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
}

impl Outputs {
    /// The same with every text passed through `scrub`, which hides the API key.
    #[must_use]
    pub fn scrubbed(mut self, scrub: impl Fn(&str) -> String) -> Self {
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
            &mut self.retry_after,
        ];
        for text in texts.into_iter().flatten() {
            *text = scrub(text);
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
            ("retry_after", self.retry_after.clone()),
            ("waited_seconds", number(self.waited_seconds)),
            ("attempts", number(self.attempts.map(u64::from))),
            ("exit_code", number(self.exit_code.map(u64::from))),
            ("status", self.status.map(str::to_owned)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Appends them to the file at `path` as `VERSIONER_NAME=value` lines, quoted as a shell needs it, since such files
    /// are sourced.
    ///
    /// # Errors
    /// Says which file could not be written, and why.
    pub fn append_to(&self, path: &Path) -> Result<(), String> {
        let lines: String = self
            .pairs()
            .into_iter()
            .map(|(name, value)| format!("VERSIONER_{}={}\n", name.to_uppercase(), shell(&value)))
            .collect();
        append(path, &lines).map_err(|error| format!("output_file ({}): {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_is_written_once_under_its_name() {
        let text = || Some("x y".to_owned());
        let outputs = Outputs {
            outcome: Some("blocked"),
            gate: Some("blocked"),
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
            retry_after: text(),
            waited_seconds: Some(0),
            attempts: Some(1),
            exit_code: Some(0),
            status: Some("completed"),
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
