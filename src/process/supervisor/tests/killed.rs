//! What happens if one of the processes is killed.

use super::*;

#[test]
fn killing_our_group_stops_the_command_and_reports_it() {
    let job = Job::start(PLAIN, UNTIL_TERM, &[]);
    let command = job.wait_for("pid");
    let supervisor = stat(&command, PARENT);
    let own = job.process.id().to_string();
    assert_eq!(stat(&supervisor, PARENT), own);
    assert_eq!((stat(&own, SESSION), stat(&supervisor, SESSION)), (own.clone(), supervisor.clone()));
    assert_eq!((stat(&command, GROUP), stat(&command, SESSION)), (command.clone(), supervisor.clone()));
    let environment = String::from_utf8(fs::read(format!("/proc/{supervisor}/environ")).unwrap()).unwrap();
    assert!(!environment.contains("API_KEY"), "{environment}");
    let start = Instant::now();
    job.kill_group();
    job.wait_for("term");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(job.wait_for("report"), "payload Stopped(Code(4))");
    job.end();
}

#[test]
fn command_that_ignores_sigterm_is_killed_after_the_stop_timeout() {
    let job = Job::start(PLAIN, STUBBORN, &[("STOP_TIMEOUT", "700")]);
    job.wait_for("pid");
    let start = Instant::now();
    job.kill_group();
    assert_eq!(job.wait_for("report"), "payload Stopped(Signal(9))");
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    job.end();
}

#[test]
fn command_that_stops_slowly_is_reported_before_its_end() {
    let job = Job::start(PLAIN, STUBBORN, &[("STOP_TIMEOUT", "6500")]);
    let command = job.wait_for("pid");
    let start = Instant::now();
    job.kill_group();
    assert_eq!(job.wait_for("report"), "payload Stopping");
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(stat(&command, 3), "S", "it still runs");
    job.end();
}

#[test]
fn being_killed_before_the_command_starts_is_reported() {
    let job = Job::start(PLAIN, "echo started > \"$DIR/started\"", &[("STAY", "before")]);
    job.wait_for("ready");
    job.kill_group();
    assert_eq!(job.wait_for("report"), "replaced NotStarted");
    let (_, dir) = job.end();
    assert!(!dir.path().join("started").exists());
}

#[test]
fn being_killed_after_the_command_ended_is_reported() {
    let job = Job::start(PLAIN, "echo $$ > \"$DIR/pid\"; exit 3", &[("STAY", "after")]);
    job.wait_for("ready");
    // It was reaped although `versioner run` still reports its end.
    assert!(!Path::new("/proc").join(job.wait_for("pid")).exists());
    job.kill_group();
    assert_eq!(job.wait_for("report"), "payload Ended(Code(3))");
    job.end();
}

#[test]
fn without_a_payload_the_command_is_stopped_and_nothing_reported() {
    let job = Job::start(PLAIN, UNTIL_TERM, &[("PAYLOAD", "")]);
    job.wait_for("pid");
    job.kill_group();
    job.wait_for("term");
    let (_, dir) = job.end();
    assert!(!dir.path().join("report").exists());
}

#[test]
fn readers_of_our_output_do_not_wait_for_the_supervisor() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = roles::wrapped(PLAIN, "run");
    command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
    let script = "trap '' TERM; exec >&- 2>&-; echo $$ > \"$DIR/pid\"; while :; do sleep 1; done";
    let mut job = Job::start_in(dir, command, script, &[("STOP_TIMEOUT", "3000")]);
    let command = job.wait_for("pid");
    job.kill_group();
    io::copy(&mut job.process.stdout.take().unwrap(), &mut io::sink()).unwrap();
    assert_eq!(job.file("report"), None);
    assert_ne!(stat(&command, 3), "Z", "it still runs");
    job.end();
}

#[test]
fn command_without_its_supervisor_is_stopped() {
    for (script, settings) in [(UNTIL_TERM, ("STOP_TIMEOUT", "20000")), (STUBBORN, ("STOP_TIMEOUT", "500"))] {
        let job = Job::start(PLAIN, script, &[settings]);
        job.wait_for("running");
        let command = job.wait_for("pid");
        send("-KILL", &stat(&command, PARENT));
        assert_eq!(job.wait_for("end"), "Unknown None");
        assert_eq!(job.end().0, Some(137));
    }
}
