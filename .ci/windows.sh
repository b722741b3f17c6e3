#!/usr/bin/env bash
# Builds the program for Windows and runs it under Wine. Sourced by `run`.
#
# The released program is built with another compiler (MSVC), and tested by .github/workflows/self-test.yml on Windows.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly windows=x86_64-pc-windows-gnu

test_windows() {
  local url key directory=${work}/windows
  rustup target add "${windows}"
  cargo build --locked --bin versioner --target "${windows}"
  mkdir -p -- "${directory}"
  cp -- "${CARGO_TARGET_DIR}/${windows}/debug/versioner.exe" "${directory}/"
  x86_64-w64-mingw32-gcc -shared -o "${directory}/bcryptprimitives.dll" tests/windows/process_prng.c -ladvapi32
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  timeout 5m python3 tests/windows/test.py "${wine}" "${directory}/versioner.exe" "${directory}/run" "${url}" "${key}"
  stop_sandbox
}
