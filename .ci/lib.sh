#!/usr/bin/env bash
# Runs and times steps, counts tests, and ends the run. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and the other files that it sources set these variables.
set -Eeuo pipefail

step_names=()
step_seconds=()
notes=()
current_step='before the first step'
failure_reason='interrupted'
finished=no
sandbox_pid=''
mirror_pid=''

trap 'on_error "$?" "${BASH_COMMAND}" "${BASH_SOURCE[0]}" "${LINENO}"' ERR
trap on_exit EXIT

# Runs when a command fails outside a condition, before the shell exits. A subshell cannot set variables of its parent,
# but the parent then fails too and sets them.
on_error() {
  local status=$1 command=$2 file=$3 line=$4
  failure_reason="exit status ${status} from: ${command%%$'\n'*} (${file#"${root}/"}, line ${line})"
}

on_exit() {
  local status=$?
  stop_sandbox
  [[ -z ${mirror_pid} ]] || kill -- "${mirror_pid}" 2>/dev/null || true
  if [[ ${finished} != yes ]]; then
    printf '\nFAILED in step "%s": %s\n' "${current_step}" "${failure_reason}"
    exit "$((status == 0 ? 1 : status))"
  fi
}

# die REASON…: fails the run.
die() {
  failure_reason=$*
  exit 1
}

# note TEXT…: prints the text now and again at the end, where it cannot be overlooked.
note() {
  notes+=("$*")
  printf '%s\n' "$*"
}

# step NAME COMMAND…
step() {
  local started=${SECONDS}
  current_step=$1
  shift
  printf '\n=== %s ===\n' "${current_step}"
  "$@"
  step_names+=("${current_step}")
  step_seconds+=("$((SECONDS - started))")
}

# run_tests COMMAND…: runs a test command and logs its output for the count at the end.
run_tests() {
  "$@" 2>&1 | tee -a -- "${work}/tests.log" || die "exit status $? from: $*"
}

# readme_block HEADING FILE: writes the first ```sh block of the README's section `## HEADING` to FILE.
readme_block() {
  [[ -f README.md ]] || die 'README.md is missing'
  awk -v heading="## $1" '
    /^(```|~~~)/ && fenced { if (wanted) exit; fenced = 0; next }
    /^(```|~~~)/ { fenced = 1; wanted = inside && /^```sh[[:space:]]*$/; next }
    fenced { if (wanted) print; next }
    /^##? / { sub(/[[:space:]]+$/, ""); inside = ($0 == heading) }
  ' README.md >"$2"
  [[ -s $2 ]] || die "README.md has no \`\`\`sh block under the heading \"## $1\""
  sed 's/^/  $ /' -- "$2"
}

# Starts the sandbox that the tests have built.
start_sandbox() {
  local tries
  # The loop below must not read the output of an earlier sandbox.
  rm -f -- "${work}/sandbox.out"
  "${CARGO_TARGET_DIR}/debug/versioner-sandbox" >"${work}/sandbox.out" 2>&1 &
  sandbox_pid=$!
  for ((tries = 0; tries < 100; tries++)); do
    ! grep -qs '^api key ' "${work}/sandbox.out" || return 0
    sleep 0.1
  done
  die 'the sandbox did not start within 10 seconds'
}

stop_sandbox() {
  if [[ -n ${sandbox_pid} ]]; then
    kill -- "${sandbox_pid}" 2>/dev/null || true
    wait "${sandbox_pid}" || true
    sandbox_pid=''
  fi
}

# Prints the durations, the notes, and the closing line.
finish() {
  local index passed failed ignored
  current_step='Counting'
  printf '\n=== Durations ===\n'
  for index in "${!step_names[@]}"; do
    printf '%5d s  %s\n' "${step_seconds[index]}" "${step_names[index]}"
  done
  printf '%5d s  total\n' "${SECONDS}"
  ((${#notes[@]} == 0)) || printf '\n%s\n' "${notes[@]}"

  awk '
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    END { print passed + 0, failed + 0, ignored + 0 }
  ' "${work}/tests.log" >"${work}/count"
  read -r passed failed ignored <"${work}/count"
  ((passed > 0)) || die 'no test ran'
  ((failed == 0)) || die "${failed} tests failed"
  ((ignored == 0)) || die "${ignored} tests were ignored: run them or delete them"
  finished=yes
  printf '\n%d passed, %d failed\n' "${passed}" "${failed}"
}
