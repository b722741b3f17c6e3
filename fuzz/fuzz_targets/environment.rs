#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| versioner_action::fuzzing::environment(text));
