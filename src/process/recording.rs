//! For tests: a program of a CI system that writes down how it is called.

use crate::env::Env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the shell script `text` a program `name` in `directory`.
///
/// Another process copies it: a file that this one has open for writing could not be executed for as long as a test beside
/// this one, which forks at that moment, holds it open too.
pub fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (source, program) = (directory.join("source"), directory.join(name));
    std::fs::write(&source, text).unwrap();
    let copied = Command::new("install").args(["-m", "755"]).args([&source, &program]).status();
    assert!(copied.unwrap().success());
    program
}

/// A directory with such a program.
pub struct Recorder {
    dir: tempfile::TempDir,
}

impl Recorder {
    /// A program of this name that ends with `code`.
    pub fn new(name: &str, code: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Each call writes files of its own, each argument ended by a byte that none can hold.
        let script = format!(
            "#!/bin/sh\nout=$(mktemp \"{0}/call.XXXXXX\")\nprintf '%s\\0' \"$@\" > \"$out\"\n\
             cat > \"{0}/input.${{out##*.}}\"\nexit {code}\n",
            dir.path().display()
        );
        program(dir.path(), name, &script);
        Self { dir }
    }

    /// An environment in which the program is found.
    pub fn env(&self) -> Env {
        [("PATH", format!("{}:/usr/bin:/bin", self.dir.path().display()))].into_iter().collect()
    }

    /// The arguments of all calls since the last time, in no order that means anything.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let calls = self.take("call.").into_iter();
        calls.map(|text| text.split_terminator('\0').map(str::to_owned).collect()).collect()
    }

    /// What all calls since the last time were given to read, if anything.
    pub fn inputs(&self) -> Vec<String> {
        self.take("input.").into_iter().filter(|text| !text.is_empty()).collect()
    }

    fn take(&self, start: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_str().unwrap().starts_with(start) {
                texts.push(std::fs::read_to_string(&path).unwrap());
                std::fs::remove_file(path).unwrap();
            }
        }
        texts.sort();
        texts
    }
}
