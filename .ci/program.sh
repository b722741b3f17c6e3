#!/usr/bin/env bash
# Steps that build and run the program. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly max_size=$((3 * 1024 * 1024))

# A step that hangs fails, long before the run's own end.
readonly test_limit=15m
readonly demo_limit=5m

# The binary that is tested: set by `build_static`, and by `make_release` to the one that is shipped.
static_binary=''

run_readme_tests() {
  readme_block Test "${work}/test.sh"
  counted timeout "${test_limit}" bash -euo pipefail -- "${work}/test.sh"
  grep -q '^test result: ' "${work}/tests.log" || die 'the README'\''s test command ran no test'
}

build_static() {
  CC_x86_64_unknown_linux_musl=musl-gcc RUSTFLAGS="${static_rustflags}" \
    cargo build --release --locked --target "${static_target}"
  static_binary=${CARGO_TARGET_DIR}/${static_target}/release/versioner
  check_binary "${static_binary}"
  # The limit is for what is shipped: with glibc inside, the stand-in of `install_target` is larger.
  [[ ${static_target} != "${musl}" ]] || check_size "${static_binary}"
}

check_size() {
  local size
  size=$(stat --format %s -- "$1")
  awk -v size="${size}" -v max="${max_size}" 'BEGIN {
    printf "%d bytes, %.2f MiB, %d KiB to spare\n", size, size / 1048576, (max - size) / 1024
  }'
  ((size <= max_size)) || die "${size} bytes are more than ${max_size}"
}

check_binary() {
  local elf
  elf=$(readelf --wide --program-headers --section-headers --dynamic -- "$1")
  [[ ${elf} != *INTERP* ]] || die 'the binary asks for an interpreter: it is not static'
  [[ ${elf} != *'(NEEDED)'* ]] || die 'the binary needs shared libraries: it is not static'
  [[ ${elf} != *.symtab* && ${elf} != *.debug_* ]] || die 'the binary is not stripped'
  printf 'static and stripped\n'
}

test_static() {
  # Built before the clock starts to run.
  cargo test --locked --test it --no-run
  VERSIONER_TEST_BIN="${static_binary}" counted timeout "${test_limit}" cargo test --locked --test it
}

# Twice: as in a pipeline, and as at a terminal.
run_demo() {
  local demo=${work}/demo.sh started
  readme_block 'Try it' "${demo}"
  started=$(microseconds)
  timeout "${demo_limit}" bash -euo pipefail -- "${demo}" | cat || die "the demo failed with status $?"
  say_duration 'without a terminal' "${started}"
  started=$(microseconds)
  if ! timeout "${demo_limit}" script --quiet --return --command "bash -euo pipefail -- '${demo}'" \
    "${work}/demo.tty" >"${work}/demo.out"; then
    cat -- "${work}/demo.out"
    die 'the demo failed at a terminal'
  fi
  say_duration 'at a terminal' "${started}"
}

microseconds() {
  printf '%s' "${EPOCHREALTIME/[^0-9]/}"
}

# say_duration WHAT STARTED
say_duration() {
  local now
  now=$(microseconds)
  printf '%s: %d ms\n' "$1" "$(((now - $2) / 1000))"
}
