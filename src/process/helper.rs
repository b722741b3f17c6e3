//! Programs of a CI system that are called to show things or hand them on, such as `buildkite-agent`.
//!
//! Owns: finding them on the PATH, keeping our key out of their environment, and that none is waited for long. Does not
//! own: what they are told.

use crate::env::Env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An agent that takes longer is stopped: showing things must not hold up a deployment.
const LONGEST: Duration = Duration::from_secs(10);
/// How often it is looked whether an agent has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A program of a CI system.
#[derive(Clone, Debug)]
pub struct HelperProgram {
    program: PathBuf,
    env: Vec<(String, String)>,
}

impl HelperProgram {
    /// The program `name`, if it is on the PATH of `env`.
    pub fn find(env: &Env, name: &str) -> Option<Self> {
        let path = env.get("PATH")?;
        let program =
            std::env::split_paths(path).map(|directory| directory.join(name)).find(|program| program.is_file())?;
        let private: Vec<&OsStr> = env.private().collect();
        let env = env
            .iter()
            .filter(|(name, _)| !private.contains(&OsStr::new(name)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Self { program, env })
    }

    /// Calls it with `args`, and with `input` on its standard input.
    ///
    /// # Errors
    /// Says how it failed.
    pub fn call(&self, args: &[&str], input: &str) -> Result<(), String> {
        let name = self.program.display();
        let failed = |what: String| format!("{name} {}: {what}", args.first().unwrap_or(&""));
        let mut child = Command::new(&self.program)
            .args(args)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_owned();
            // An agent that reads nothing must not hold us up; one that ended has no use for it.
            std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        }
        let deadline = Instant::now() + LONGEST;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(failed(format!("it ended with {status}"))),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK_EVERY),
                Ok(None) => {
                    // It may have ended just now: then there is nothing left to stop.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(failed(format!("it did not end within {} s", LONGEST.as_secs())));
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        }
    }

    /// Calls it once for each of `variables`, with the arguments that `args` makes of a name and a value. All calls run at the
    /// same time, as each may ask a server.
    ///
    /// # Errors
    /// The error of the first call that failed.
    pub fn call_for_each(
        &self,
        variables: &[(String, &str)],
        args: impl Fn(&str, &str) -> Vec<String>,
    ) -> Result<(), String> {
        std::thread::scope(|scope| {
            let calls: Vec<_> = variables
                .iter()
                .map(|(name, value)| {
                    let args = args(name, value);
                    scope.spawn(move || self.call(&args.iter().map(String::as_str).collect::<Vec<_>>(), ""))
                })
                .collect();
            let results: Vec<Result<(), String>> = calls
                .into_iter()
                .map(|call| call.join().unwrap_or_else(|_| Err("a call panicked".to_owned())))
                .collect();
            results.into_iter().collect()
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::process::recording::program;

    #[test]
    fn an_agent_gets_arguments_and_input_and_not_our_key() {
        let dir = tempfile::tempdir().unwrap();
        let script = "#!/bin/sh\n{ printf '%s\\n' \"$@\"; cat; env; } > \"$OUT\"\nexit \"$CODE\"\n";
        program(dir.path(), "some-agent", script);
        let out = dir.path().join("out");
        let call = |code: &str| {
            let path = format!("{}:/usr/bin:/bin", dir.path().display());
            let env: Env = [
                ("PATH", path.as_str()),
                ("OUT", out.to_str().unwrap()),
                ("CODE", code),
                ("VERSIONER_API_KEY", "secret-1"),
                ("INPUT_API-KEY", "secret-2"),
                ("VERSIONER_PRODUCT", "shop"),
            ]
            .into_iter()
            .collect();
            HelperProgram::find(&env, "some-agent").unwrap().call(&["annotate", "a b"], "text\n")
        };
        assert_eq!(call("0"), Ok(()));
        let seen = std::fs::read_to_string(&out).unwrap();
        assert!(
            seen.starts_with("annotate\na b\ntext\n")
                && seen.contains("VERSIONER_PRODUCT=shop")
                && !seen.contains("secret"),
            "{seen}"
        );
        assert!(call("3").unwrap_err().contains("annotate: it ended with exit status: 3"));
        assert!(HelperProgram::find(&Env::default(), "some-agent").is_none());
    }
}
