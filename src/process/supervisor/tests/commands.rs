//! Commands that end while `versioner run` is there: their surroundings, signals and exit codes.

use super::*;

#[test]
fn command_that_ends_is_not_reported_by_the_supervisor() {
    for (script, code, end) in [
        ("exit 0", 0, "Code(0) None"),
        ("exit 7", 7, "Code(7) None"),
        ("kill -SEGV $$", 139, "Signal(11) None"),
        // We get no signal in the second after that.
        ("kill -TERM $$", 143, "Signal(15) None"),
    ] {
        let job = Job::start(PLAIN, script, &[]);
        let (ended, dir) = job.end();
        assert_eq!(ended, Some(code), "{script}");
        assert_eq!(fs::read_to_string(dir.path().join("end")).unwrap(), end);
        assert!(!dir.path().join("report").exists());
    }
}

#[test]
fn command_has_our_streams_and_its_own_environment() {
    let script = "cat; echo to-stderr >&2; env > \"$DIR/env\"; pwd > \"$DIR/cwd\"; ls -l /proc/$$/fd > \"$DIR/fds\"";
    let dir = tempfile::tempdir().unwrap();
    let mut command = roles::wrapped(PLAIN, "run");
    fs::write(dir.path().join("input"), "line 1\nline 2").unwrap();
    command.stdin(File::open(dir.path().join("input")).unwrap());
    command.stdout(File::create(dir.path().join("stdout")).unwrap());
    command.stderr(File::create(dir.path().join("stderr")).unwrap());
    let (code, dir) = Job::start_in(dir, command, script, &[]).end();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(code, Some(0), "{}", read("stderr"));
    assert!(read("stdout").ends_with("line 1\nline 2") && read("stderr").contains("to-stderr\n"));
    let env = read("env");
    let has = |line: &str| env.lines().any(|other| other == line);
    assert!(has("ADDED=yes") && has("VERSIONER_API_KEY=secret") && !env.contains("INPUT_API_KEY"), "{env}");
    assert_eq!(Path::new(read("cwd").trim()), std::env::current_dir().unwrap());
    // Nothing of ours: the three streams, and what `sh` opens itself.
    assert!(!read("fds").contains("socket:") && !read("fds").contains("eventpoll"), "{}", read("fds"));
}

#[test]
fn command_that_cannot_be_started_is_an_error() {
    let programs = tempfile::tempdir().unwrap();
    let path = |name: &str| programs.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("plain"), "exit 3\n").unwrap();
    let script = "echo \"$1\" > \"$DIR/argument\"; exit 4\n";
    crate::process::recording::program(programs.path(), "no-interpreter", script);
    for (program, code, message) in [
        ("no-such-program".to_owned(), 120, "Check its name, that it is on the PATH"),
        (path("no/such/program"), 120, "Check its name"),
        (path("plain"), 120, "chmod +x"),
        ("/".to_owned(), 120, "chmod +x"),
        // As in a shell.
        (path("no-interpreter"), 4, ""),
    ] {
        let (ended, dir) = Job::start(PLAIN, "", &[("PROGRAM", &program)]).end();
        assert_eq!(ended, Some(code), "{program}");
        let error = fs::read_to_string(dir.path().join("error")).unwrap_or_default();
        assert!(error.contains(message) && error.is_empty() == message.is_empty(), "{program}: {error}");
        let argument = fs::read_to_string(dir.path().join("argument")).unwrap_or_default();
        assert_eq!(argument, if code == 4 { "a b\n" } else { "" });
        assert!(!dir.path().join("report").exists());
    }
}

#[test]
fn stopped_command_is_continued_to_end() {
    let job = Job::start(PLAIN, UNTIL_TERM, &[]);
    send("-STOP", &format!("-{}", job.wait_for("pid")));
    job.kill_group();
    assert_eq!(job.wait_for("report"), "payload Stopped(Code(4))");
    job.end();
    // The same if the signal comes from us.
    let job = Job::start(PLAIN, UNTIL_TERM, &[]);
    send("-STOP", &format!("-{}", job.wait_for("pid")));
    send("-TERM", &job.process.id().to_string());
    assert_eq!(job.end().0, Some(4));
}

#[test]
fn signals_reach_the_command_and_its_whole_group_is_killed_at_last() {
    // The command ends at once, and leaves a child that ignores the signal.
    let script = "(trap '' TERM; sleep 300) & echo $$ > \"$DIR/pid\"; wait";
    for (signal, name, number) in [("-TERM", "SIGTERM", 15), ("-HUP", "SIGHUP", 1)] {
        let job = Job::start(PLAIN, script, &[]);
        job.wait_for("pid");
        send(signal, &job.process.id().to_string());
        let (code, dir) = job.end();
        assert_eq!(code, Some(128 + number));
        let end = fs::read_to_string(dir.path().join("end")).unwrap();
        assert_eq!(end, format!("Signal({number}) Some(\"{name}\")"));
        assert!(!dir.path().join("report").exists());
    }
}

#[test]
fn signals_to_the_supervisor_alone_have_no_effect() {
    let job = Job::start(PLAIN, UNTIL_TERM, &[]);
    let command = job.wait_for("pid");
    for signal in ["-INT", "-TERM", "-HUP", "-USR1", "-QUIT"] {
        send(signal, &stat(&command, PARENT));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((job.file("term"), job.file("report"), job.file("end")), (None, None, None));
    send("-TERM", &job.process.id().to_string());
    let (code, dir) = job.end();
    assert_eq!((code, dir.path().join("report").exists()), (Some(4), false));
}

#[test]
fn exit_code_is_known_whatever_we_inherit_about_sigchld() {
    let script = "grep -E 'SigIgn' /proc/self/status > \"$DIR/mask\"; exit 7";
    for wrapper in [
        ["setsid", "dash", "-c", "trap '' CHLD; exec \"$@\"", "sh"].as_slice(),
        &["setsid", "bash", "-c", "trap '' CHLD; exec \"$@\"", "sh"],
        &["setsid", "env", "--block-signal=CHLD"],
    ] {
        let (code, dir) = Job::start(wrapper, script, &[]).end();
        assert_eq!(code, Some(7), "{wrapper:?}");
        let mask = fs::read_to_string(dir.path().join("mask")).unwrap();
        let mask = u64::from_str_radix(mask.trim_start_matches("SigIgn:").trim(), 16).unwrap();
        assert_eq!(mask & 1 << (rustix::process::Signal::CHILD.as_raw() - 1), 0, "{wrapper:?}: {mask:x}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn process_limit_that_is_too_low_is_an_error() {
    let script = "echo started > \"$DIR/started\"; exit 7";
    let no_supervisor = "the process that supervises the command could not be started: ";
    // In a test, two processes of ours have a thread of the test harness each, if the limit allows it.
    let cases = [(1, 120, no_supervisor), (2, 120, no_supervisor), (3, 120, "sh could not be started: "), (5, 7, "")];
    // Without root, the processes run as the user of the tests, whose other processes count as well.
    let cases = if rustix::process::geteuid().is_root() { cases.as_slice() } else { &cases[..1] };
    for (limit, code, message) in cases.iter().copied() {
        let dir = tempfile::tempdir().unwrap();
        // The limit counts the processes of one user, and does not apply to root.
        let mut command = roles::as_user(60_000 + limit, dir.path(), &format!("--nproc={limit}"), "run");
        command.current_dir("/").stdout(Stdio::null());
        let (ended, dir) = Job::start_in(dir, command, script, &[]).end();
        let error = fs::read_to_string(dir.path().join("error")).unwrap_or_default();
        assert_eq!(ended, Some(code), "{limit}: {error}");
        assert!(error.starts_with(message) && error.is_empty() == message.is_empty(), "{limit}: {error}");
        assert_eq!(dir.path().join("started").exists(), code == 7);
    }
}

#[test]
fn orphans_of_pid_1_are_reaped() {
    let unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !Command::new("unshare").args(&unshare[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        // Containers often forbid namespaces.
        return;
    }
    let script = "for n in 1 2 3; do (sleep 0.1 & echo $! >> \"$DIR/orphans\"); done; sleep 0.6
        grep -l '^State:.Z' /proc/[0-9]*/status > \"$DIR/zombies\"; ps -o pid= -p 1 > \"$DIR/one\"
        tr '\\0' ' ' < /proc/1/cmdline > \"$DIR/first\"; exit 7";
    let (code, dir) = Job::start(&unshare, script, &[]).end();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(code, Some(7));
    assert!(read("first").contains("process::roles::role"), "{}", read("first"));
    assert_eq!((read("orphans").lines().count(), read("zombies").as_str()), (3, ""));
}
