//! Signals and dispositions as real shells hand them down.

use super::*;
use crate::process::roles::wrapped;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Role `stop`: exits with 100 and the number of the first signal that stops.
pub async fn wait_for_stop() -> i32 {
    let mut signals = Signals::listen(STOP);
    std::io::stdout().write_all(b"\nready\n").unwrap();
    let signal = tokio::time::timeout(Duration::from_secs(20), signals.next_stop()).await;
    signal.map_or(99, |signal| 100 + i32::from(signal.number))
}

/// Role `child`: exits with the exit code of a child, which prints the signals that it ignores.
pub fn run_child() -> i32 {
    install_handlers();
    let script = "echo; grep SigIgn /proc/self/status; exit 7";
    Command::new("sh").args(["-c", script]).status().map_or(99, |status| status.code().unwrap_or(98))
}

/// Role `write`: exits with the error number of a write.
pub fn write_beyond_limit() -> i32 {
    install_handlers();
    let file = tempfile::tempfile().and_then(|mut file| file.write_all(b"x"));
    file.map_or_else(|error| error.raw_os_error().unwrap_or(98), |()| 0)
}

fn start(wrapper: &[&str], role: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = wrapped(wrapper, role).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

/// The exit code of a process that waits for a signal to stop, and gets these.
fn stopped_by(wrapper: &[&str], signals: &[&str]) -> Option<i32> {
    let (mut child, stdout) = start(wrapper, "stop");
    assert!(stdout.lines().any(|line| line.unwrap() == "ready"));
    for signal in signals {
        assert!(Command::new("kill").args([signal, child.id().to_string().as_str()]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(100));
    }
    child.wait().unwrap().code()
}

#[test]
fn ignored_signals_stay_ignored() {
    let ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"];
    assert_eq!(stopped_by(&["env", "--default-signal=INT"], &["-INT"]), Some(102));
    assert_eq!(stopped_by(&ignoring, &["-INT", "-TERM"]), Some(115));
}

#[cfg(target_os = "linux")]
#[test]
fn blocked_signals_stop_all_the_same() {
    assert_eq!(stopped_by(&["env", "--block-signal=TERM"], &["-TERM"]), Some(115));
    assert_eq!(stopped_by(&["env", "--block-signal=INT"], &["-TERM"]), Some(115));
}

#[test]
fn exit_code_of_a_child_is_known_if_sigchld_was_ignored() {
    for shell in ["dash", "bash"] {
        let (mut child, stdout) = start(&[shell, "-c", "trap '' CHLD; exec \"$@\"", shell], "child");
        let lines: Vec<String> = stdout.lines().map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(7), "{shell}");
        let mask = lines.iter().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
        let sigchld = 1 << (rustix::process::Signal::CHILD.as_raw() - 1);
        assert_eq!(u64::from_str_radix(mask, 16).unwrap() & sigchld, 0, "the child's own disposition: {mask}");
    }
}

#[test]
fn write_beyond_the_file_size_limit_is_an_error() {
    const EFBIG: i32 = 27;
    for shell in ["ulimit -f 0; exec \"$@\"", "trap '' XFSZ; ulimit -f 0; exec \"$@\""] {
        let (mut child, _stdout) = start(&["sh", "-c", shell, "sh"], "write");
        assert_eq!(child.wait().unwrap().code(), Some(EFBIG), "{shell}");
    }
}

#[test]
fn mask_contains_the_numbers_of_its_bits() {
    let mask = mask::Mask(0b10_0000_0000_0010);
    assert_eq!((0..=u8::MAX).filter(|number| mask.contains(*number)).collect::<Vec<_>>(), [2, 14]);
}
