//! The requests that are sent: bodies on GitHub, GitLab, Jenkins and in a plain checkout, headers, and precedence.

use crate::support::{SHA, Versioner};
use serde_json::Value;
use versioner_sandbox::Sandbox;

/// The body of the only request, with the time of the call replaced.
fn request_body(sandbox: &Sandbox) -> Value {
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let mut body = requests[0].json().clone();
    if let Some(time) = body.get_mut("completed_at") {
        assert!(time.as_str().unwrap().ends_with('Z'));
        *time = "[now]".into();
    }
    assert_no_empty_fields(&body);
    body
}

fn assert_no_empty_fields(body: &Value) {
    for (name, value) in body.as_object().unwrap() {
        assert!(!value.is_null() && value != "" && *value != serde_json::json!({}), "{name} is empty");
    }
}

const GITLAB: &[(&str, &str)] = &[
    ("GITLAB_CI", "true"),
    ("CI_PROJECT_PATH", "group/sub/shop"),
    ("CI_COMMIT_SHA", SHA),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_COMMIT_REF_NAME", "main"),
    ("CI_PIPELINE_IID", "42"),
    ("CI_PIPELINE_ID", "987654"),
    ("CI_PIPELINE_URL", "https://gitlab.example/group/sub/shop/-/pipelines/987654"),
    ("CI_JOB_URL", "https://gitlab.example/group/sub/shop/-/jobs/5"),
    ("CI_JOB_ID", "5"),
    ("CI_JOB_NAME", "deploy"),
    ("CI_JOB_STARTED_AT", "2025-10-28T15:00:00Z"),
    ("CI_PIPELINE_SOURCE", "push"),
    ("CI_ENVIRONMENT_NAME", "production"),
    ("GITLAB_USER_LOGIN", "mona"),
    ("GITLAB_USER_NAME", "Mona Lisa"),
    ("GITLAB_USER_EMAIL", "mona@example.org"),
    ("CI_REPOSITORY_URL", "https://gitlab-ci-token:SECRETTOKEN@gitlab.example/group/sub/shop.git"),
];

const JENKINS: &[(&str, &str)] = &[
    ("JENKINS_URL", "https://jenkins.example/"),
    ("JOB_NAME", "shop/main"),
    ("BUILD_NUMBER", "42"),
    ("BUILD_ID", "42"),
    ("BUILD_URL", "https://jenkins.example/job/shop/42/"),
    ("NODE_NAME", "agent-1"),
    ("EXECUTOR_NUMBER", "0"),
    ("GIT_COMMIT", SHA),
    ("GIT_BRANCH", "origin/main"),
    ("GIT_URL", "https://ci:SECRETTOKEN@git.example/octo/shop.git"),
    ("BUILD_USER_ID", "mona"),
    ("BUILD_USER", "Mona Lisa"),
    ("BUILD_USER_EMAIL", "mona@example.org"),
];

fn snapshot(name: &str, call: &Versioner, sandbox: &Sandbox) {
    let run = call.run();
    assert_eq!(run.code, 0, "{}", run.all());
    let body = request_body(sandbox);
    assert!(!body.to_string().contains("SECRETTOKEN"));
    insta::assert_snapshot!(name, serde_json::to_string_pretty(&body).unwrap());
}

#[test]
fn github_deployment_and_build() {
    let sandbox = Sandbox::start();
    snapshot("github_deployment", &Versioner::github(&sandbox, "success"), &sandbox);
    sandbox.clear_requests();
    snapshot("github_build", &Versioner::github(&sandbox, "success").env("INPUT_EVENT_TYPE", "build"), &sandbox);
}

#[test]
fn github_pull_request_sends_the_head_commit_not_the_merge_commit() {
    let sandbox = Sandbox::start();
    let call = Versioner::github(&sandbox, "success");
    let event =
        call.file("event.json", r#"{"pull_request": {"head": {"sha": "feedfacefeedfacefeedfacefeedfacefeedface"}}}"#);
    let call = call
        .env("GITHUB_EVENT_PATH", &event)
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_HEAD_REF", "feature/x")
        .env("GITHUB_BASE_REF", "main");
    snapshot("github_pull_request", &call, &sandbox);
}

#[test]
fn gitlab_deployment_and_build() {
    let sandbox = Sandbox::start();
    let call = || Versioner::shell(&sandbox).envs(GITLAB);
    snapshot("gitlab_deployment", &call().args(["track", "deployment"]), &sandbox);
    sandbox.clear_requests();
    snapshot("gitlab_build", &call().args(["track", "build"]), &sandbox);
}

#[test]
fn jenkins_deployment_and_build() {
    let sandbox = Sandbox::start();
    let call = || Versioner::shell(&sandbox).envs(JENKINS);
    snapshot("jenkins_deployment", &call().args(["track", "deployment", "--environment", "production"]), &sandbox);
    sandbox.clear_requests();
    snapshot("jenkins_build", &call().args(["track", "build"]), &sandbox);
}

#[test]
fn plain_git_checkout_fills_in_the_scm_fields() {
    let sandbox = Sandbox::start();
    let call = Versioner::shell(&sandbox).args(["track", "build"]);
    call.file(".git/HEAD", "ref: refs/heads/main\n");
    call.file(".git/refs/heads/main", SHA);
    call.file(".git/config", "[remote \"origin\"]\n\turl = https://mona:SECRETTOKEN@github.com/octo/shop.git\n");
    snapshot("plain_checkout", &call, &sandbox);
}

#[test]
fn gitlab_jobs_that_do_not_deploy_have_no_environment() {
    for action in ["stop", "prepare", "verify", "access"] {
        let sandbox = Sandbox::start();
        let run = Versioner::shell(&sandbox)
            .envs(GITLAB)
            .env("CI_ENVIRONMENT_ACTION", action)
            .args(["track", "deployment"])
            .run();
        assert_eq!(run.code, 1, "{action}");
        assert!(run.stdout.contains("environment is not set"), "{}", run.all());
        assert!(sandbox.requests().is_empty());
    }
}

#[test]
fn request_method_path_and_headers_are_as_documented() {
    let sandbox = Sandbox::start();
    assert_eq!(Versioner::github(&sandbox, "success").run().code, 0);
    let request = &sandbox.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/deployment-events/"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", sandbox.key()).as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.contains(env!("CARGO_PKG_VERSION")) && agent.contains("github"), "{agent}");
    assert_eq!(request.header("idempotency-key").unwrap().len(), 36);
}

#[test]
fn completed_at_is_sent_only_with_terminal_statuses() {
    let sandbox = Sandbox::start();
    for (status, expected) in
        [("pending", false), ("started", false), ("success", true), ("failure", true), ("cancelled", true)]
    {
        sandbox.clear_requests();
        Versioner::deployment(&sandbox, status).args(["--completed-at", "2025-10-28T15:00:00Z"]).run();
        let body = sandbox.requests()[0].json().clone();
        assert_eq!(body.get("completed_at").is_some(), expected, "{status}: {body}");
        if expected {
            assert_eq!(body["completed_at"], "2025-10-28T15:00:00Z");
        }
        sandbox.clear_requests();
        Versioner::deployment(&sandbox, status).args(["--completed-at", "none"]).run();
        assert!(sandbox.requests()[0].json().get("completed_at").is_none(), "{status}");
    }
}

#[test]
fn setting_sources_follow_their_precedence() {
    let sandbox = Sandbox::start();
    let product = |call: Versioner| {
        sandbox.clear_requests();
        let run = call.run();
        assert_eq!(run.code, 0, "{}", run.all());
        sandbox.requests()[0].json()["product_name"].clone()
    };
    let github = || Versioner::github(&sandbox, "success");
    assert_eq!(product(github()), "shop");
    assert_eq!(product(github().env("VERSIONER_PRODUCT", "own")), "own");
    assert_eq!(product(github().env("VERSIONER_PRODUCT", "own").env("INPUT_PRODUCT", "input")), "input");
    assert_eq!(product(github().env("INPUT_PRODUCT-NAME", "hyphen").env("INPUT_PRODUCT_NAME", "")), "hyphen");
    for unset in ["", " ", "auto"] {
        assert_eq!(
            product(github().env("INPUT_PRODUCT", unset).env("VERSIONER_PRODUCT_NAME", "own")),
            "own",
            "{unset:?}"
        );
    }
    // With a subcommand, INPUT_ variables are not read: they belong to another Action.
    let tracked =
        Versioner::deployment(&sandbox, "success").env("INPUT_PRODUCT", "other").env("VERSIONER_PRODUCT", "own");
    assert_eq!(product(tracked), "shop");
}

#[test]
fn value_none_omits_the_field() {
    let sandbox = Sandbox::start();
    let none = [
        "scm_sha",
        "scm_repository",
        "scm_branch",
        "build_number",
        "invoke_id",
        "source_system",
        "deploy_url",
        "deployed_by",
        "metadata",
    ];
    let call = none.iter().fold(Versioner::github(&sandbox, "success").env("INPUT_PRODUCT", "shop"), |call, name| {
        call.env(&format!("INPUT_{}", name.to_uppercase()), "none")
    });
    assert_eq!(call.run().code, 0);
    let body = sandbox.requests()[0].json().clone();
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["completed_at", "environment_name", "product_name", "status", "version"]);
}

#[test]
fn user_metadata_overrides_detected_metadata() {
    let sandbox = Sandbox::start();
    let call = Versioner::github(&sandbox, "success")
        .env("INPUT_METADATA", r#"{"team": "payments", "vi_gh_job": "mine", "n": 1.5}"#);
    assert_eq!(call.run().code, 0);
    let metadata = sandbox.requests()[0].json()["extra_metadata"].clone();
    assert_eq!(metadata["team"], "payments");
    assert_eq!(metadata["vi_gh_job"], "mine");
    assert_eq!(metadata["vi_gh_workflow"], "Deploy to production");
    assert_eq!(metadata["n"], 1.5);
}

#[test]
fn non_utf8_variable_is_an_error_only_if_it_is_used() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::start();
    let not_utf8 = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let call = Versioner::github(&sandbox, "success");
    let status =
        call.command().env("GITHUB_ACTOR", not_utf8).env(not_utf8, "x").env("INPUT_OTHER", not_utf8).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(sandbox.requests()[0].json()["product_name"], "shop");
    // An unreadable setting must not fall back to its default: a failure would be reported as a success.
    let output = call.command().env_remove("INPUT_STATUS").env("VERSIONER_STATUS", not_utf8).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("status (from VERSIONER_STATUS) contains bytes that are not UTF-8"), "{stdout}");
    assert_eq!(sandbox.requests().len(), 1);
}
