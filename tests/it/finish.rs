//! `versioner finish`: closes the deployments that this job opened, and no others.

use crate::support::{JOB, RUN, Versioner, last_event, statuses};
use serde_json::json;
use versioner_sandbox::{Fault, Reply, Sandbox};

const START: [&str; 10] = [
    "track",
    "deployment",
    "--product",
    "shop",
    "--version",
    "1.4.2",
    "--environment",
    "production",
    "--status",
    "started",
];

fn job(sandbox: &Sandbox) -> Versioner {
    Versioner::shell(sandbox).envs(&JOB)
}

fn start_of<'a>(environment: &'a str, version: &'a str) -> [&'a str; 10] {
    let mut args: [&'a str; 10] = START;
    args[5] = version;
    args[7] = environment;
    args
}

#[test]
fn finish_reports_the_job_status_once() {
    for (job_status, expected) in [("success", "completed"), ("failed", "failed"), ("canceled", "aborted")] {
        let sandbox = Sandbox::start();
        let mut job = job(&sandbox).env("VERSIONER_UI_URL", "https://console.example");
        assert_eq!(job.run_with(START).code, 0);
        job = job.env("CI_JOB_STATUS", job_status);
        let run = job.run_with(["finish"]);
        assert_eq!(
            (run.code, statuses(&sandbox)),
            (0, vec!["started".to_owned(), expected.to_owned()]),
            "{}",
            run.all()
        );
        let [first, last] = [0, 1].map(|index| sandbox.requests()[index].json().clone());
        for field in ["product_name", "version", "environment_name", "source_system", "invoke_id"] {
            assert_eq!(first.get(field), last.get(field), "{field}");
        }
        assert!(last["completed_at"].is_string() && last.pointer("/extra_metadata/vi_started_at").is_none(), "{last}");
        assert!(run.stdout.contains("CI_JOB_STATUS"), "{}", run.stdout);
        let again = job.run_with(["finish"]);
        assert!(again.code == 0 && again.stdout.contains("nothing is open"), "{}", again.all());
        assert_eq!(sandbox.requests().len(), 2);
    }
}

#[test]
fn finish_ignores_blocked_rejected_and_ended_deployments() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("CI_JOB_STATUS", "failed");
    let assert_nothing_open = |job: &mut Versioner| {
        let run = job.run_with(["finish", "--json"]);
        assert!(run.code == 0 && run.stderr.contains("nothing is open") && run.stdout == "{}\n", "{}", run.all());
    };
    assert_nothing_open(&mut job);
    sandbox.script([Reply::status(423).json(json!({"error": "deployment_blocked"}))]);
    assert_eq!(job.run_with(START).code, 5);
    assert_nothing_open(&mut job);
    sandbox.script([Reply::status(422)]);
    assert_eq!(job.run_with(START).code, 4);
    assert_nothing_open(&mut job);
    for end in ["completed", "failure", "cancelled"] {
        assert_eq!(job.run_with(START).code, 0);
        let mut args = START;
        args[9] = end;
        assert_eq!(job.run_with(args).code, 0);
        assert_nothing_open(&mut job);
    }
    assert_eq!(
        job.run_with(["run", "--product", "shop", "--version", "1", "--environment", "production", "--", "/bin/true"])
            .code,
        0
    );
    assert_nothing_open(&mut job);
}

#[test]
fn open_deployments_are_finished_in_order_of_their_last_start() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox);
    for (environment, version) in [("staging", "2"), ("production", "1"), ("staging", "2")] {
        // Starting the same deployment again does not open a second one.
        let run = job.run_with(start_of(environment, version));
        assert!(run.code == 0 || run.code == 5, "{}", run.all());
        if run.code == 5 {
            sandbox.script([Reply::status(201).json(json!({"id": "again"}))]);
            assert_eq!(job.run_with(start_of(environment, version)).code, 0);
        }
    }
    sandbox.clear_requests();
    let run = job.run_with(["finish", "--status", "cancelled", "--json"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let closed: Vec<_> = sandbox.requests().iter().map(|request| request.json()["environment_name"].clone()).collect();
    assert_eq!(closed, ["production", "staging"]);
    assert_eq!(run.json()["outcome"], "recorded");
}

#[test]
fn finish_ignores_deployments_of_other_jobs_and_keys() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox);
    assert_eq!(job.run_with(START).code, 0);
    for (name, value) in [("CI_JOB_ID", "8"), ("VERSIONER_API_KEY", sandbox.other_key())] {
        job = job.env(name, value);
        assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("nothing is open"), "{name}");
        job = job.env("CI_JOB_ID", "7").env("VERSIONER_API_KEY", sandbox.key());
    }
    assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("Deployment failed: "));
}

#[test]
fn finish_without_a_terminal_status_exits_1() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox);
    job.run_with(START);
    let run = job.run_with(["finish"]);
    assert!(run.code == 1 && run.all().contains("--status"), "{}", run.all());
    let run = job.run_with(["finish", "--status", "started"]);
    assert!(run.code == 1 && run.all().contains("which is not an end"), "{}", run.all());
    assert_eq!(sandbox.requests().len(), 1);
    // The deployment is still open.
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 0);
    assert_eq!(last_event(&sandbox)["status"], "failed");
}

#[test]
fn unrecorded_finish_can_be_repeated() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
    job.run_with(START);
    sandbox.script([Reply::status(503), Reply::status(401)]);
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 1);
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 4);
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 0);
}

#[test]
fn end_carries_the_start_time_when_the_start_was_not_recorded() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).envs(&[("VERSIONER_RETRIES", "0"), ("VERSIONER_FAIL_ON_API_ERROR", "false")]);
    sandbox.script([Reply::status(503), Reply::behave(), Reply::fault(Fault::Close)]);
    assert_eq!(job.run_with(START).code, 0);
    assert_eq!(job.run_with(["finish", "--status", "success"]).code, 0);
    assert!(last_event(&sandbox)["extra_metadata"]["vi_started_at"].is_string(), "{}", last_event(&sandbox));
    job.run_with(START);
    let mut end = START;
    end[9] = "failed";
    assert_eq!(job.run_with(end).code, 0);
    assert!(last_event(&sandbox)["extra_metadata"]["vi_started_at"].is_string(), "{}", last_event(&sandbox));
}

#[test]
fn command_input_finish_closes_the_deployment() {
    let sandbox = Sandbox::start();
    let mut step = Versioner::github(&sandbox, "started").env("GITHUB_RUN_ATTEMPT", "1");
    assert_eq!(step.run_with::<&str>([]).code, 0);
    let mut step = step.env("INPUT_COMMAND", "finish").env("INPUT_STATUS", "cancelled").without("INPUT_VERSION");
    let run = step.run_with::<&str>([]);
    assert_eq!((run.code, statuses(&sandbox)), (0, vec!["started".to_owned(), "aborted".to_owned()]), "{}", run.all());
    assert_eq!(run.outputs()["outcome"], "recorded");
}

#[test]
fn finish_closes_a_killed_run() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("PATH", "/usr/bin:/bin");
    let mut command = job.command_with(RUN.iter().chain(["sh", "-c", "echo ready; exec sleep 300"].iter()));
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    // While the run is alive, it reports the end of its deployment itself.
    let run = job.run_with(["finish", "--status", "failed"]);
    assert!(run.stdout.contains("another versioner process of this job still handles them: 1"), "{}", run.all());
    // A container that is killed leaves nothing alive, no supervisor either.
    let tasks = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let versioner = child.id().to_string();
    for (signal, process) in [("-STOP", versioner.as_str()), ("-KILL", tasks.trim()), ("-KILL", &versioner)] {
        assert!(std::process::Command::new("kill").args([signal, process]).status().unwrap().success());
    }
    child.wait().unwrap();
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 0);
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

#[test]
fn finish_and_the_supervisor_of_a_killed_run_close_its_deployment_once() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("PATH", "/usr/bin:/bin");
    // The supervisor reports only once the command has ended, which takes it a while.
    let script = "trap '' TERM; echo ready; sleep 0.5; sleep 0.5; exit 1";
    let mut command = job.command_with(RUN.iter().chain(["sh", "-c", script].iter()));
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let tasks = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 0);
    // A zombie's command line is empty.
    let supervisor = format!("/proc/{}/cmdline", tasks.trim());
    while std::fs::read(&supervisor).is_ok_and(|line| !line.is_empty()) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

fn conflict() -> Reply {
    Reply::status(409)
        .json(json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT", "message": "in progress"}))
}

#[test]
fn failed_second_start_leaves_the_first_one_open() {
    for second in [conflict(), Reply::status(401), Reply::status(422)] {
        let sandbox = Sandbox::start();
        let mut job = job(&sandbox);
        assert_eq!(job.run_with(START).code, 0);
        sandbox.script([second]);
        assert_ne!(job.run_with(START).code, 0);
        let run = job.run_with(["finish", "--status", "failed"]);
        assert_eq!((run.code, last_event(&sandbox)["status"].as_str()), (0, Some("failed")), "{}", run.all());
        assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("nothing is open"));
    }
}

#[test]
fn finish_ignores_a_start_that_is_still_blocked() {
    for kill in [false, true] {
        let sandbox = Sandbox::start();
        sandbox.script([conflict().times(9_999)]);
        let mut job = job(&sandbox);
        let mut args = START.to_vec();
        args.extend(["--on-block", "wait", "--poll-interval", "10m"]);
        let mut waiting = job.command_with(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(waiting.stdout.take().unwrap()));
        assert!(lines.map(Result::unwrap).any(|line| line.contains("waiting up to ")));
        if kill {
            waiting.kill().unwrap();
            waiting.wait().unwrap();
        }
        let run = job.run_with(["finish", "--status", "failed"]);
        assert!(run.code == 0 && run.stdout.contains("nothing is open"), "{}", run.all());
        assert_eq!(run.stdout.contains("still handles them: 1"), !kill, "{}", run.all());
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        assert_eq!(statuses(&sandbox), ["started"]);
    }
}

#[test]
fn finish_closes_a_start_that_may_have_been_recorded() {
    let sandbox = Sandbox::start();
    sandbox.script([conflict(), Reply::fault(Fault::Close).times(999)]);
    let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
    let mut args = START.to_vec();
    args.extend(["--on-block", "wait", "--poll-interval", "100ms", "--wait-timeout", "1s"]);
    assert_eq!(job.run_with(args).code, 5);
    let run = job.run_with(["finish", "--status", "failed"]);
    assert!(!run.stdout.contains("nothing is open"), "{}", run.all());
}

#[test]
fn blocked_finish_does_not_wait() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("VERSIONER_ON_BLOCK", "wait");
    assert_eq!(job.run_with(START).code, 0);
    sandbox.script([conflict().times(99)]);
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 5);
    assert_eq!(sandbox.requests().len(), 2);
}

#[test]
fn finish_with_nothing_open_keeps_earlier_outputs() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("CI_JOB_STATUS", "success");
    assert_eq!(
        job.run_with(["run", "--product", "shop", "--version", "1", "--environment", "production", "--", "/bin/true"])
            .code,
        0
    );
    let outputs = || std::fs::read_to_string(job.dir.path().join("versioner.env")).unwrap();
    let before = outputs();
    assert!(before.contains("VERSIONER_DEPLOYMENT_STATUS=completed"), "{before}");
    job.command_with(["finish"]).output().unwrap();
    assert_eq!(outputs(), before);
}

#[test]
fn finish_takes_the_status_setting_before_the_ci_job_status() {
    let sandbox = Sandbox::start();
    // Our own outputs are variables of later steps: none of them is a setting.
    let mut job = job(&sandbox).env("VERSIONER_DEPLOYMENT_STATUS", "completed").env("CI_JOB_STATUS", "failed");
    assert_eq!(job.run_with(START).code, 0);
    assert_eq!(job.run_with(["finish"]).code, 0);
    assert_eq!(last_event(&sandbox)["status"], "failed");
    assert_eq!(job.run_with(START).code, 0);
    let mut job = job.env("VERSIONER_STATUS", "completed");
    assert_eq!(job.run_with(["finish"]).code, 0);
    assert_eq!(last_event(&sandbox)["status"], "completed");
}

#[cfg(target_os = "linux")]
#[test]
fn session_outside_the_pid_namespace_identifies_no_job() {
    let sandbox = Sandbox::start();
    let unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let in_namespace = |args: &[&str]| {
        let call = Versioner::shell(&sandbox);
        let direct = call.command_with(args);
        let mut command = std::process::Command::new("unshare");
        command.args(unshare).arg(direct.get_program()).args(args).env_clear().current_dir(call.dir.path());
        command.envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").output().unwrap()
    };
    if in_namespace(&["version"]).status.code() != Some(0) {
        // Containers often forbid namespaces.
        return;
    }
    assert_eq!(in_namespace(&START).status.code(), Some(0));
    let finish = in_namespace(&["finish", "--status", "success"]);
    let stdout = String::from_utf8(finish.stdout).unwrap();
    assert!(stdout.contains("this execution of the job cannot be identified"), "{stdout}");
    assert_eq!((finish.status.code(), statuses(&sandbox)), (Some(0), vec!["started".to_owned()]));
}
