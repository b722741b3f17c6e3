//! Runs the shell script of a CI system's step.

use std::collections::BTreeMap;
use std::process::Command;

/// The binary under test.
pub(crate) fn binary() -> String {
    std::env::var("VERSIONER_TEST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_versioner").to_owned())
}

/// The agent of a CI system: a home directory, and the variables that later steps see.
pub(crate) struct Agent {
    pub(crate) home: tempfile::TempDir,
    pub(crate) env: BTreeMap<String, String>,
}

impl Agent {
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut env: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        env.insert("HOME".to_owned(), home.path().display().to_string());
        env.insert("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
        Self { home, env }
    }

    /// Runs a step with `shell`, the words before the script. Returns its exit code and what it printed.
    pub(crate) fn step(&self, shell: &[&str], script: &str, variables: &BTreeMap<String, String>) -> (i32, String) {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(script).env_clear().envs(&self.env).envs(variables).current_dir(self.home.path());
        let output = command.output().unwrap();
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.code().unwrap(), printed)
    }
}

/// The status of each event that the sandbox received.
pub(crate) fn statuses(sandbox: &versioner_sandbox::Sandbox) -> Vec<String> {
    sandbox.requests().iter().map(|request| request.json()["status"].as_str().unwrap().to_owned()).collect()
}
