#!/usr/bin/env bash
# Builds, tests and demonstrates the program. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly max_size=$((3 * 1024 * 1024))

# Limits for steps that could hang, well below the limit of the whole run.
readonly test_limit=15m
readonly demo_limit=5m

# The binary under test: from `build_static` at first, later the released one from `make_release`.
static_binary=''

run_readme_tests() {
  local closing
  readme_block Test "${work}/test.sh"
  run_tests timeout "${test_limit}" bash -euo pipefail -- "${work}/test.sh"
  closing=$(tail -n 1 -- "${work}/tests.log")
  [[ ${closing} =~ ^[1-9][0-9]*\ passed,\ 0\ failed,\ 0\ skipped$ ]] \
    || die "the README's test command did not run every test: ${closing}"
}

build_static() {
  CC_x86_64_unknown_linux_musl=musl-gcc RUSTFLAGS="${static_rustflags}" \
    cargo build --release --locked --target "${static_target}"
  static_binary=${CARGO_TARGET_DIR}/${static_target}/release/versioner
  check_binary "${static_binary}"
  # The limit applies to the released binary. The fallback of `install_target` contains glibc and is larger.
  [[ ${static_target} != "${musl}" ]] || check_size "${static_binary}"
}

check_size() {
  local size
  size=$(stat --format %s -- "$1")
  awk -v size="${size}" -v max="${max_size}" 'BEGIN {
    printf "%d bytes, %.2f MiB, %d KiB left\n", size, size / 1048576, (max - size) / 1024
  }'
  ((size <= max_size)) || die "${size} bytes exceed the limit of ${max_size}"
}

check_binary() {
  local elf
  elf=$(readelf --wide --program-headers --section-headers --dynamic -- "$1")
  [[ ${elf} != *INTERP* ]] || die 'the binary is not static: it has an interpreter'
  [[ ${elf} != *'(NEEDED)'* ]] || die 'the binary is not static: it needs shared libraries'
  [[ ${elf} != *.symtab* && ${elf} != *.debug_* ]] || die 'the binary is not stripped'
  printf 'static and stripped\n'
}

test_static() {
  # Builds the tests before the time limit starts.
  cargo test --locked --test it --no-run
  VERSIONER_TEST_BIN="${static_binary}" run_tests timeout "${test_limit}" cargo test --locked --test it
}

# Runs the demo with its output in a pipe, then at a terminal.
run_demo() {
  local demo=${work}/demo.sh started
  readme_block 'Try it' "${demo}"
  started=$(microseconds)
  timeout "${demo_limit}" bash -euo pipefail -- "${demo}" | cat || die "the demo failed with status $?"
  print_duration 'without a terminal' "${started}"
  started=$(microseconds)
  if ! timeout "${demo_limit}" script --quiet --return --command "bash -euo pipefail -- '${demo}'" \
    "${work}/demo.tty" >"${work}/demo.out"; then
    cat -- "${work}/demo.out"
    die 'the demo failed at a terminal'
  fi
  print_duration 'at a terminal' "${started}"
}

microseconds() {
  printf '%s' "${EPOCHREALTIME/[^0-9]/}"
}

# print_duration WHAT STARTED
print_duration() {
  local now
  now=$(microseconds)
  printf '%s: %d ms\n' "$1" "$(((now - $2) / 1000))"
}
