#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| versioner_action::fuzzing::reply(data));
