//! AWS CodeBuild.
//!
//! Owns: its variables (AWS CodeBuild User Guide, "Environment variables in build environments"). It shows errors only in
//! the log. A buildspec's `exported-variables` are read from the shell, which can source `output_file`.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::remote::{Ref, is_commit_id};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, link, repository_of_remote, unix_time};
use crate::env::Env;

/// AWS CodeBuild.
pub(super) const SYSTEM: System = System {
    name: "AWS CodeBuild",
    source_system: Some("codebuild"),
    detect: |env| ["CODEBUILD_BUILD_ARN", "CODEBUILD_BUILD_ID"].iter().any(|name| env.get(name).is_some()),
    context,
    job_identity: |env| {
        identity(env, &["CODEBUILD_BUILD_ARN"], &[]).or_else(|| identity(env, &["CODEBUILD_BUILD_ID"], &[]))
    },
    job_status,
    temp_dir: None,
    last_step: "post_build: { commands: [versioner flush] }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_codebuild_build_id", "CODEBUILD_BUILD_ID"),
    ("vi_codebuild_build_arn", "CODEBUILD_BUILD_ARN"),
    ("vi_codebuild_batch_build_identifier", "CODEBUILD_BATCH_BUILD_IDENTIFIER"),
    ("vi_codebuild_initiator", "CODEBUILD_INITIATOR"),
    ("vi_codebuild_webhook_event", "CODEBUILD_WEBHOOK_EVENT"),
    ("vi_codebuild_webhook_trigger", "CODEBUILD_WEBHOOK_TRIGGER"),
];

/// Initiators that are programs, besides those with a slash.
const PROGRAMS: [&str; 3] = ["CodeBuild-Jenkins-Plugin", "GitHub-Hookshot", "Bitbucket-Webhooks"];
/// The beginning of the role names of people who sign in through IAM Identity Center.
const SIGNED_IN_ROLE: &str = "AWSReservedSSO_";

fn context(env: &Env) -> Context {
    let by_webhook = env.get("CODEBUILD_WEBHOOK_TRIGGER").or_else(|| env.get("CODEBUILD_WEBHOOK_EVENT")).is_some();
    let person = first(env, &["CODEBUILD_INITIATOR"]).filter(|_| !by_webhook).and_then(person);
    let mut context = Context {
        repository: repository_of_remote(env, &["CODEBUILD_SOURCE_REPO_URL"]),
        // For sources other than git, these hold another kind of version.
        sha: first(env, &["CODEBUILD_RESOLVED_SOURCE_VERSION"])
            .filter(|version| is_commit_id(version.raw()))
            .or_else(|| first(env, &["CODEBUILD_SOURCE_VERSION"]).filter(|version| is_commit_id(version.raw()))),
        build_number: first(env, &["CODEBUILD_BUILD_NUMBER"]),
        invoke_id: first(env, &["CODEBUILD_BUILD_ID"]).or_else(|| id_from_arn(env)),
        run_url: link(env, &["CODEBUILD_PUBLIC_BUILD_URL"]).or_else(|| console_url(env)),
        manual_trigger: person.as_ref().map(|person| person.source.clone()),
        actor: person.or_else(|| first(env, &["CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID"])),
        started_at: unix_time::timestamp(env, &["CODEBUILD_START_TIME"]),
        ..Context::default()
    };
    let found = first(env, &["CODEBUILD_WEBHOOK_HEAD_REF"])
        .or_else(|| first(env, &["CODEBUILD_WEBHOOK_TRIGGER"]).and_then(ref_of_trigger))
        .or_else(|| first(env, &["CODEBUILD_SOURCE_VERSION"]).and_then(ref_of_version));
    context.set_ref(found);
    context.add_metadata(env, &METADATA);
    context
}

/// The person who started a build: a user of the account, or one who has signed in to a role. Everything else with a slash is
/// a program: `codepipeline/NAME`, `rule/NAME`, `ROLE/SESSION`.
fn person(initiator: Detected) -> Option<Detected> {
    let name = match initiator.raw().split_once('/') {
        Some((role, user)) => role.starts_with(SIGNED_IN_ROLE).then_some(user),
        None => Some(initiator.raw()).filter(|name| !PROGRAMS.contains(name)),
    };
    let name = name.filter(|name| !name.is_empty())?.to_owned();
    Some(initiator.with_value(name))
}

/// The ref in `branch/NAME` and `tag/NAME`. A pull request, `pr/7`, names none.
fn ref_of_trigger(trigger: Detected) -> Option<Detected> {
    let (kind, name) = trigger.raw().split_once('/')?;
    let value = match kind {
        "branch" => format!("refs/heads/{name}"),
        "tag" => format!("refs/tags/{name}"),
        _ => return None,
    };
    Some(trigger.with_value(value))
}

/// The ref in the version to build, unless it is a commit, a pull request or the ARN of an artifact.
fn ref_of_version(version: Detected) -> Option<Detected> {
    let name = version.raw().split("^{").next().unwrap_or_default().to_owned();
    let is_ref = !name.is_empty() && !name.starts_with("pr/") && !name.contains(':') && !is_commit_id(&name);
    let (Ref::Branch(short) | Ref::Tag(short)) = Ref::parse(&name);
    (is_ref && !short.is_empty()).then(|| version.with_value(name))
}

/// Partition, region and id of the build in its ARN: `arn:PARTITION:codebuild:REGION:ACCOUNT:build/PROJECT:UUID`.
fn parse_arn(env: &Env) -> Option<(&str, &str, &str)> {
    let mut parts = env.get("CODEBUILD_BUILD_ARN")?.trim().splitn(6, ':').skip(1);
    let (partition, _service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let id = parts.nth(1)?.strip_prefix("build/")?;
    Some((partition, region, id))
}

fn id_from_arn(env: &Env) -> Option<Detected> {
    let (_, _, id) = parse_arn(env)?;
    Some(Detected::new(id, "CODEBUILD_BUILD_ARN"))
}

/// The build's page in the AWS console of its partition.
fn console_url(env: &Env) -> Option<Detected> {
    let ((partition, region, id), source) = match parse_arn(env) {
        Some(parts) => (parts, "CODEBUILD_BUILD_ARN"),
        None => {
            let parts = ("aws", env.get("AWS_REGION")?.trim(), env.get("CODEBUILD_BUILD_ID")?.trim());
            (parts, "AWS_REGION and CODEBUILD_BUILD_ID")
        }
    };
    let host = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    let value = format!("https://{host}/codebuild/home?region={region}#/builds/{id}/view/new");
    Some(Detected::new(value, source))
}

/// Unlike an exit code, 1 is a success.
fn job_status(env: &Env) -> Option<Detected> {
    first(env, &["CODEBUILD_BUILD_SUCCEEDING"]).map(|succeeding| {
        let status = if succeeding.raw() == "1" { "success" } else { "failed" };
        succeeding.with_value(status)
    })
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:1-2")],
    ambiguous: &[&[("CODEBUILD_BUILD_ID", "p:1"), ("JENKINS_URL", "https://jenkins.example/")]],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("codebuild.rs")],
    job: &[("CODEBUILD_BUILD_ID", "shop:1-2")],
    same_job: &[&[("CODEBUILD_BUILD_SUCCEEDING", "0")]],
    other_jobs: &[
        &[("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:1-3")],
        &[("CODEBUILD_BUILD_ARN", "")],
        &[("CODEBUILD_BUILD_ARN", ""), ("CODEBUILD_BUILD_ID", "shop:1-3")],
    ],
    unknown_jobs: &[&[("CODEBUILD_BUILD_ARN", ""), ("CODEBUILD_BUILD_ID", ""), ("CODEBUILD_BUILD_NUMBER", "7")]],
    job_status: &[
        (&[("CODEBUILD_BUILD_SUCCEEDING", "1")], Some("success")),
        (&[("CODEBUILD_BUILD_SUCCEEDING", "0")], Some("failed")),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initiator_is_a_person_or_a_program() {
        let person = |initiator: &str| person(Detected::new(initiator, "")).map(|person| person.raw().to_owned());
        assert_eq!(person("mona").as_deref(), Some("mona"));
        assert_eq!(
            person("AWSReservedSSO_Deployers_0123456789abcdef/mona@example.org").as_deref(),
            Some("mona@example.org")
        );
        for program in [
            "codepipeline/shop",
            "rule/nightly",
            "GitHub-Hookshot",
            "GitHub-Hookshot/eb43b0a",
            "Bitbucket-Webhooks/2.0",
            "CodeBuild-Jenkins-Plugin",
            "lambda-role/deploy-shop",
            "AWSReservedSSO_Deployers_0123456789abcdef/",
        ] {
            assert_eq!(person(program), None, "{program}");
        }
    }
}
