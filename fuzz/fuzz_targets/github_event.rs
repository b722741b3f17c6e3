#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

/// The event file of this process.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("versioner-fuzz-{}.json", std::process::id())));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if std::fs::write(&*FILE, data).is_ok() {
        versioner_action::fuzzing::github_event(&FILE);
    }
});
