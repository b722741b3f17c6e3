//! Rundeck.
//!
//! Owns: the variables that Rundeck makes of a job's context (Rundeck documentation, "Context Variable Usage"). Over SSH they
//! arrive only if the server accepts `RD_*`. They name no repository. Its log filters are off unless a job enables them, so
//! no surface can rely on them.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link};
use crate::env::Env;

/// Rundeck.
pub(super) const SYSTEM: System = System {
    name: "Rundeck",
    source_system: Some("rundeck"),
    detect: |env| ["RD_JOB_EXECID", "RD_JOB_ID"].iter().any(|name| env.get(name).is_some()),
    context,
    // A referenced job shares the execution id of the job that refers to it, and so do the nodes of a step.
    job_identity: |env| identity(env, &["RD_JOB_EXECID"], &["RD_JOB_SERVERURL", "RD_JOB_ID", "RD_NODE_NAME"]),
    job_status: |_| None,
    temp_dir: None,
    last_step: "versioner flush",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 7] = [
    ("vi_rd_job_id", "RD_JOB_ID"),
    ("vi_rd_job_execid", "RD_JOB_EXECID"),
    ("vi_rd_job_serverurl", "RD_JOB_SERVERURL"),
    ("vi_rd_job_project", "RD_JOB_PROJECT"),
    ("vi_rd_job_name", "RD_JOB_NAME"),
    ("vi_rd_job_group", "RD_JOB_GROUP"),
    ("vi_rd_job_url", "RD_JOB_URL"),
];

fn context(env: &Env) -> Context {
    let execution = first(env, &["RD_JOB_EXECID"]);
    let mut context = Context {
        product: first(env, &["RD_JOB_NAME"]),
        version: execution.clone(),
        build_number: execution.clone(),
        invoke_id: execution,
        run_url: run_url(env).or_else(|| link(env, &["RD_JOB_URL"])),
        actor: first(env, &["RD_JOB_USERNAME", "RD_JOB_USER_NAME"]),
        actor_email: first(env, &["RD_JOB_USER_EMAIL"]),
        manual_trigger: equals(env, "RD_JOB_EXECUTIONTYPE", "user"),
        ..Context::default()
    };
    context.add_metadata(env, &METADATA);
    context
}

fn run_url(env: &Env) -> Option<Detected> {
    let server = link(env, &["RD_JOB_SERVERURL"])?;
    let (project, execution) = (env.get("RD_JOB_PROJECT")?.trim(), env.get("RD_JOB_EXECID")?.trim());
    let value = format!("{}/project/{project}/execution/show/{execution}", server.raw().trim_end_matches('/'));
    Some(Detected::new(value, "RD_JOB_SERVERURL, RD_JOB_PROJECT and RD_JOB_EXECID"))
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("RD_JOB_EXECID", "17")],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("rundeck.rs")],
    job: &[("RD_JOB_SERVERURL", "https://rundeck.example"), ("RD_JOB_ID", "9f3c"), ("RD_JOB_EXECID", "17")],
    same_job: &[],
    other_jobs: &[
        &[("RD_JOB_EXECID", "18")],
        &[("RD_JOB_ID", "1a2b")],
        &[("RD_JOB_SERVERURL", "https://rundeck.other.example")],
        &[("RD_NODE_NAME", "web-1")],
        &[("RD_NODE_NAME", "web-2")],
    ],
    unknown_jobs: &[&[("RD_JOB_EXECID", "")]],
    job_status: &[],
};
