//! What the fuzz targets in `fuzz/` call. Compiled for them only.
//!
//! Each function takes untrusted input to where it is parsed, and asserts what must hold for any input. A panic is a finding.

use crate::api;
use crate::ci::System;
use crate::env::Env;
use crate::files::{RecordState, Signer};
use crate::gate::{WaitState, decide_wait};
use crate::model::api_key::ApiKey;
use crate::model::payload::end_of;
use crate::model::policy::{OnBlock, WaitPolicy};
use crate::model::status::Status;
use crate::model::time::{Moment, format_duration, parse_duration, relative, to_rfc3339};
use crate::report::{self, spool};
use crate::settings;
use crate::state::{OpenDeployment, OrderingKey, SpooledEvent};
use crate::text::{Redactor, clean_remote, clean_url, escape_html, quote_shell, sanitize};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The key in every target.
const KEY: &str = "sk_demo_1001_4f9c1e7ab2d84c60";

fn now() -> Timestamp {
    Timestamp::from_second(1_764_600_000).unwrap_or_default()
}

/// Panics if `text` could do anything but be read, after other text in the same line.
fn assert_plain(text: &str) {
    assert!(!text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
    assert!(!text.contains("##[") && !text.contains("##vso["), "{text:?}");
}

fn policy(on: OnBlock) -> WaitPolicy {
    WaitPolicy {
        on_conflict: on,
        on_window: on,
        on_approval: on,
        on_soak: on,
        on_flow: on,
        timeout: Duration::from_secs(1_800),
        poll_interval: Duration::from_secs(30),
        recheck_interval: Duration::from_secs(600),
        conflict_max_age: Duration::from_secs(7_200),
        job_end: None,
    }
}

/// A reply: two bytes for the status, header lines, an empty line, the body.
pub fn reply(data: &[u8]) {
    let Some(([high, low], rest)) = data.split_first_chunk() else { return };
    let status = 200 + u16::from_be_bytes([*high, *low]) % 600;
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (headers, body) = end.map_or((&rest[..0], rest), |end| (&rest[..end], &rest[end + 2..]));
    let (texts, blocks) = api::fuzzing::reply(status, headers, body, now());
    texts.iter().for_each(|text| assert_plain(text));
    for block in blocks {
        for seed in 0..2 {
            let waited = Duration::from_secs(seed * 900);
            let state = WaitState { now: now(), waited, polls: 3, unanswered_since: Some(now()), own_version: "1" };
            let mut rng = fastrand::Rng::with_seed(seed);
            let _ = decide_wait(&block, &policy(OnBlock::Wait), state, &mut rng);
        }
        let (code, message) = (block.code.as_ref(), block.message.as_ref());
        code.into_iter().chain(message).for_each(|text| assert_plain(&text.to_string()));
    }
}

/// Times and durations, as headers, bodies and settings have them.
pub fn times(text: &str) {
    if let Some(moment) = Moment::parse(text) {
        assert_plain(&moment.format(now()));
        let _ = relative(moment.at, now());
    }
    if let Some(written) = to_rfc3339(text) {
        assert!(Moment::parse(&written).is_some(), "{text:?} became {written:?}");
    }
    if let Some(duration) = parse_duration(text) {
        assert_plain(&format_duration(duration));
        // A deadline is computed from it.
        assert!(std::time::Instant::now().checked_add(duration).is_some(), "{text:?}");
    }
}

/// Variables: lines with `=`. Files that a setting would read are left out.
fn variables(text: &str) -> Env {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let is_path =
        |name: &str| ["FILE", "BUNDLE", "PATH", "DIR", "CONFIG"].iter().any(|part| name.to_uppercase().contains(part));
    let safe = pairs.filter(|(name, value)| !is_path(name) && !name.contains('\0') && !value.contains('\0'));
    Env::default().with(safe.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// Arguments, an empty line, and variables.
pub fn settings(text: &str) {
    let (args, env) = text.split_once("\n\n").unwrap_or((text, ""));
    let is_path = |arg: &str| ["file", "bundle", "config"].iter().any(|part| arg.to_lowercase().contains(part));
    let args: Vec<&str> = args.lines().filter(|arg| !is_path(arg)).collect();
    let line = match settings::parse(["versioner"].into_iter().chain(args).map(Into::into)) {
        Ok(line) => line,
        Err(_) => return,
    };
    let env = variables(env);
    let system = System::detect(&env);
    let context = system.context(&env, Path::new("/nonexistent"));
    let resolved = settings::resolve(&line, &env, system, &context, now(), Redactor::default());
    resolved.warnings.iter().for_each(|warning| assert_plain(&sanitize(warning)));
    let (title, message) = report::check::errors(&resolved.errors);
    assert_plain(&title);
    message.lines().for_each(assert_plain);
    for setting in &resolved.settings {
        setting.value.iter().for_each(|value| assert_plain(&value.to_string()));
    }
}

/// The variables of a CI system, of the one whose number is the first byte.
pub fn environment(text: &str) {
    let env = variables(text);
    let system = System::detect(&env);
    let context = system.context(&env, Path::new("/nonexistent"));
    for detected in [&context.repository, &context.branch, &context.sha, &context.run_url].into_iter().flatten() {
        assert_plain(&detected.value.to_string());
    }
    let _ = (system.job_identity(&env), system.temp_dir(&env), system.stop_timeout());
    if let Some(status) = system.job_status(&env) {
        assert_plain(&Status::parse(status.value.raw()).to_string());
    }
}

/// GitHub's event file at `path`, which holds the input.
pub fn github_event(path: &Path) {
    for event in ["push", "pull_request", "workflow_dispatch", "workflow_run", "release"] {
        let variables =
            [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", event), ("GITHUB_SERVER_URL", "https://github.com")];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let path = ("GITHUB_EVENT_PATH".to_owned(), path.display().to_string());
        let env = Env::default().with(variables.chain([path]));
        let context = System::detect(&env).context(&env, Path::new("/nonexistent"));
        for detected in [&context.branch, &context.sha, &context.actor].into_iter().flatten() {
            assert_plain(&detected.value.to_string());
        }
    }
}

/// The content of a file in the spool or the journal; and the same as a record with a correct signature.
pub fn record(data: &[u8]) {
    let Ok(key) = ApiKey::parse(KEY) else { return };
    let signer = Signer::new(&key, "https://api.example");
    let unsigned = |kind| assert!(!matches!(signer.open::<Value>(kind, data), RecordState::Ours(_)), "a forged record");
    ["spool", "open"].into_iter().for_each(unsigned);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if let Some(event) = signed::<SpooledEvent>(&signer, "spool", &value) {
        let _ = (event.event_type(), event.ordering_key());
        assert_plain(&spool::delivered(&event));
    }
    if let Some(open) = signed::<OpenDeployment>(&signer, "open", &value) {
        let _ = (open.is_about(&open.payload), OrderingKey::of(&open.payload));
        let end = end_of(open.payload.clone(), &Status::Aborted, now());
        assert_eq!(end.get("status").and_then(Value::as_str), Some("aborted"));
    }
}

/// Signs `value`, and reads it back.
fn signed<T: Serialize + DeserializeOwned>(signer: &Signer, kind: &str, value: &Value) -> Option<T> {
    match signer.open(kind, &signer.sign(kind, value)) {
        RecordState::Ours(record) => Some(record),
        RecordState::OfAnotherKey(_) | RecordState::Newer | RecordState::Unusable(_) => None,
    }
}

/// A link or a remote, with credentials in it.
pub fn url(text: &str) {
    const SECRET: &str = "hunter2hunter2";
    let cleaned = clean_url(text);
    assert_eq!(clean_url(&cleaned), cleaned, "{text:?}");
    let _ = clean_remote(text);
    // What follows a password in a URL cannot make it stay.
    let mut rest: String = text.chars().filter(|c| !matches!(c, '@' | '\\' | '%') && !c.is_whitespace()).collect();
    while rest.contains(SECRET) {
        rest = rest.replace(SECRET, "");
    }
    for url in [format!("https://user:{SECRET}@{rest}"), format!("https://{SECRET}@host/{rest}")] {
        assert!(!clean_url(&url).contains(SECRET), "{url:?}");
        assert!(!clean_remote(&url).unwrap_or_default().contains(SECRET), "{url:?}");
    }
}

/// Any text from outside, with the key in it.
pub fn text(text: &str) {
    assert_plain(&sanitize(text));
    let html = escape_html(text);
    assert!(!html.contains(['<', '>', '"', '`', '|']), "{html:?}");
    let _ = quote_shell(text);
    let mut redactor = Redactor::default();
    redactor.add(KEY);
    let redacted = sanitize(&redactor.redact(&format!("{text}{KEY}{text}")));
    assert!(!redacted.contains(KEY), "{redacted:?}");
}
