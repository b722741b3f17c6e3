//! The job that this process belongs to: what tells it from others on the same machine, and how it stands.
//!
//! Owns: the variables that say so, of whatever system. Does not own: what a run is called (`Context`).

use super::Detected;
use crate::env::Env;

/// Variables that together tell one job from every other; each system sets its own. None has a name so common
/// that a single step might set it for itself.
const IDENTITY: [&str; 32] = [
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_JOB",
    "RUNNER_TRACKING_ID",
    "CI_PROJECT_ID",
    "CI_JOB_ID",
    "JENKINS_URL",
    "BUILD_TAG",
    "BUILD_BUILDID",
    "SYSTEM_JOBID",
    "SYSTEM_JOBATTEMPT",
    "CIRCLE_WORKFLOW_JOB_ID",
    "BITBUCKET_REPO_FULL_NAME",
    "BITBUCKET_BUILD_NUMBER",
    "BITBUCKET_STEP_UUID",
    "BUILDKITE_JOB_ID",
    "TEAMCITY_BUILDCONF_NAME",
    "TRAVIS_JOB_ID",
    "RD_JOB_EXECID",
    "DRONE_REPO",
    "DRONE_BUILD_NUMBER",
    "DRONE_STAGE_NUMBER",
    "CI_REPO",
    "CI_PIPELINE_NUMBER",
    "CI_WORKFLOW_NUMBER",
    "CODEBUILD_BUILD_ID",
    "CF_BUILD_ID",
    "SEMAPHORE_JOB_ID",
    "APPVEYOR_JOB_ID",
    "HARNESS_EXECUTION_ID",
    "HARNESS_STAGE_ID",
];

/// Variables that say how the job stands: a word of the system's own (GitLab's `after_script`, Azure, Semaphore's epilogue,
/// Drone's last steps).
const STATUS_WORDS: [&str; 4] = ["CI_JOB_STATUS", "AGENT_JOBSTATUS", "SEMAPHORE_JOB_RESULT", "DRONE_BUILD_STATUS"];

/// Variables that hold the exit code of the job's script (Bitbucket's `after-script`, Buildkite's hooks, Travis CI's
/// `after_script`): zero is a success.
const STATUS_CODES: [&str; 3] = ["BITBUCKET_EXIT_CODE", "BUILDKITE_COMMAND_EXIT_STATUS", "TRAVIS_TEST_RESULT"];

/// What tells the job of `env` from others; nothing outside of every CI system.
#[must_use]
pub fn identity(env: &Env) -> Option<String> {
    let known: Vec<String> =
        IDENTITY.iter().filter_map(|name| Some(format!("{name}={}", env.get(name)?.trim()))).collect();
    (!known.is_empty()).then(|| known.join("\n"))
}

/// How the job of `env` stands, in a word, as its CI system says.
#[must_use]
pub fn status(env: &Env) -> Option<Detected> {
    let found = |name: &str, value: &str| Detected::new(value.trim(), name);
    let word = STATUS_WORDS.iter().find_map(|name| Some(found(name, env.get(name)?)));
    let code = || {
        let (name, code) = STATUS_CODES.iter().find_map(|name| Some((*name, env.get(name)?.trim())))?;
        Some(found(name, if code == "0" { "success" } else { "failed" }))
    };
    // CodeBuild's, of which 1 is the good one.
    let succeeding = || {
        let name = "CODEBUILD_BUILD_SUCCEEDING";
        Some(found(name, if env.get(name)?.trim() == "1" { "success" } else { "failed" }))
    };
    word.or_else(code).or_else(succeeding)
}

/// Outside of every CI system, the session is the job: a terminal's, or that of a timer or a service. Its number comes back
/// one day, so the beginning of its first process counts as well, where the kernel tells it.
#[cfg(target_os = "linux")]
pub fn session() -> String {
    // The fields after the name, which may hold anything: the 6th of all is the session, the 22nd when it began (proc(5)).
    let field = |process: &str, number: usize| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(number - 3).map(str::to_owned)
    };
    let session = field("self", 6).unwrap_or_default();
    let began = field(&session, 22).unwrap_or_default();
    format!("session {session} {began}")
}

/// Outside of every CI system, the session is the job.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn session() -> String {
    rustix::process::getsid(None).map_or_else(|_| "no session".to_owned(), |session| format!("session {session:?}"))
}

/// Outside of every CI system, whatever this user has started.
#[cfg(not(unix))]
pub fn session() -> String {
    "no session".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs.iter().copied().collect()
    }

    #[test]
    fn jobs_of_one_run_are_told_apart() {
        let job = |id: &str| identity(&env(&[("GITLAB_CI", "true"), ("CI_PROJECT_ID", "7"), ("CI_JOB_ID", id)]));
        assert_ne!(job("1"), job("2"));
        assert_eq!(job("1"), job(" 1 "));
        let attempt = |number: &str| identity(&env(&[("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", number)]));
        assert_ne!(attempt("1"), attempt("2"));
        assert_eq!(identity(&env(&[("PATH", "/bin"), ("CI", "true")])), None);
    }

    #[test]
    fn a_job_says_how_it_stands() {
        let status = |name: &str, value: &str| status(&env(&[(name, value)])).map(|found| found.raw().to_owned());
        assert_eq!(status("CI_JOB_STATUS", "canceled").as_deref(), Some("canceled"));
        assert_eq!(status("BITBUCKET_EXIT_CODE", "0").as_deref(), Some("success"));
        assert_eq!(status("BUILDKITE_COMMAND_EXIT_STATUS", "137").as_deref(), Some("failed"));
        assert_eq!(status("CODEBUILD_BUILD_SUCCEEDING", "1").as_deref(), Some("success"));
        assert_eq!(status("CODEBUILD_BUILD_SUCCEEDING", "0").as_deref(), Some("failed"));
        assert_eq!(status("PATH", "/bin"), None);
    }
}
