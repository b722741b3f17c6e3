#!/usr/bin/env bash
# Measures the released program. Instructions, system calls and sizes have limits; times have none, as this machine may be
# busy. `benches/run.sh` measures more. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and the other files that it sources set these variables.
set -Eeuo pipefail

# Compares with the recorded figures, and says how to record others.
check_figures() {
  cargo build --locked --package versioner-compare
  "${CARGO_TARGET_DIR}/debug/versioner-compare" guard --x86-64 "${release_files}/versioner-${musl}" \
    --aarch64 "${release_files}/versioner-${aarch64}" || die 'the program differs from the recorded figures: see above'
}

# Measures few and short runs, and records nothing.
measure() {
  local floor=${CARGO_TARGET_DIR}/${static_target}/release
  CC_x86_64_unknown_linux_musl=musl-gcc RUSTFLAGS="${static_rustflags}" \
    cargo build --release --locked --target "${static_target}" --package versioner-floor
  "${CARGO_TARGET_DIR}/debug/versioner-compare" compare --versioner "${static_binary}" --floor "${floor}" \
    --rounds 20 --wait 10 --spool 1,20 --dry-run
}
