#!/usr/bin/env bash
# The fault campaign and the fuzz targets, each for a short time. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and the other files that it sources set these variables.
set -Eeuo pipefail

readonly cargo_fuzz_version=0.13.2
readonly fuzz_toolchain=nightly
readonly fuzz_seconds=10
readonly schedules=100

# Each worker spends most of its time waiting. The seeds are the same in every run.
run_campaign() {
  cargo build --locked --package versioner-campaign
  timeout 5m "${CARGO_TARGET_DIR}/debug/versioner-campaign" --program "${static_binary}" --schedules "${schedules}"
}

# Runs each fuzz target, with the same inputs in every run: a failure is caused by the change and not by chance. Their build is
# a workspace of its own.
run_fuzz() {
  local target
  if ! rustup run "${fuzz_toolchain}" rustc --version \
    && ! rustup toolchain install "${fuzz_toolchain}" --profile minimal --no-self-update; then
    note 'SKIPPED: fuzzing: needs a nightly toolchain, which rustup cannot install here'
    return 0
  fi
  if [[ ! -x ${tools}/bin/cargo-fuzz ]]; then
    cargo install --quiet --locked --root "${tools}" cargo-fuzz --version "${cargo_fuzz_version}"
  fi
  for target in fuzz/fuzz_targets/*.rs; do
    target=$(basename -- "${target}" .rs)
    # New inputs go to a directory of this run, not to the repository.
    mkdir -p -- "${work}/corpus/${target}"
    env -u CARGO_TARGET_DIR RUSTUP_TOOLCHAIN="${fuzz_toolchain}" "${tools}/bin/cargo-fuzz" run "${target}" "${work}/corpus/${target}" "fuzz/corpus/${target}" -- \
      -seed=1 -max_total_time="${fuzz_seconds}" -timeout=10 -print_final_stats=1 >"${work}/fuzz.log" 2>&1 \
      || {
        tail -n 50 -- "${work}/fuzz.log"
        die "the fuzz target ${target} found something: see above"
      }
    awk -v target="${target}" '/number_of_executed_units/ { print target ": " $2 " executions" }' "${work}/fuzz.log"
  done
}
