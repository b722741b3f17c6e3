//! For tests: a helper program that records how it is called.

use crate::env::Env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Creates the program `name` in `directory` with the shell script `text`.
///
/// Another process writes the file. A file that is open for writing cannot be executed, and if a test that runs at the same time
/// forked while we had it open, that child would hold it open as well.
pub fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (source, program) = (directory.join("source"), directory.join(name));
    std::fs::write(&source, text).unwrap();
    let copied = Command::new("install").args(["-m", "755"]).args([&source, &program]).status();
    assert!(copied.unwrap().success());
    program
}

/// A program that records its calls, in a directory of its own.
pub struct Recorder {
    dir: tempfile::TempDir,
}

impl Recorder {
    /// A program of this name that exits with `code`.
    pub fn new(name: &str, code: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Each call writes its own files. A NUL byte ends each argument, because no argument can contain one.
        let script = format!(
            "#!/bin/sh\nout=$(mktemp \"{0}/call.XXXXXX\")\nprintf '%s\\0' \"$@\" > \"$out\"\n\
             cat > \"{0}/input.${{out##*.}}\"\nexit {code}\n",
            dir.path().display()
        );
        program(dir.path(), name, &script);
        Self { dir }
    }

    /// An environment with the program on its PATH.
    pub fn env(&self) -> Env {
        [("PATH", format!("{}:/usr/bin:/bin", self.dir.path().display()))].into_iter().collect()
    }

    /// The arguments of all calls since the last time, in no particular order.
    pub fn calls(&self) -> Vec<Vec<String>> {
        let calls = self.take("call.").into_iter();
        calls.map(|text| text.split_terminator('\0').map(str::to_owned).collect()).collect()
    }

    /// The input of all calls since the last time that had any.
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
