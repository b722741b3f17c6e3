#!/usr/bin/env bash
# How steps are run, timed and counted, and how a run ends. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and its other parts set what is not set here.
set -Eeuo pipefail

step_names=()
step_seconds=()
notes=()
current='before the first step'
reason='interrupted'
finished=no
sandbox_pid=''
mirror_pid=''

trap 'on_error "$?" "${BASH_COMMAND}" "${BASH_SOURCE[0]}" "${LINENO}"' ERR
trap on_exit EXIT

# Called for a command that fails outside a condition; the shell then ends. What a subshell sets is lost,
# but its parent fails in turn.
on_error() {
  local status=$1 command=$2 file=$3 line=$4
  reason="exit status ${status} from: ${command%%$'\n'*} (${file#"${root}/"}, line ${line})"
}

on_exit() {
  local status=$?
  stop_sandbox
  [[ -z ${mirror_pid} ]] || kill -- "${mirror_pid}" 2>/dev/null || true
  if [[ ${finished} != yes ]]; then
    printf '\nFAILED in step "%s": %s\n' "${current}" "${reason}"
    exit "$((status == 0 ? 1 : status))"
  fi
}

# die REASON…: ends the run.
die() {
  reason=$*
  exit 1
}

# note TEXT…: something that nobody may overlook. It is said now, and again at the end.
note() {
  notes+=("$*")
  printf '%s\n' "$*"
}

# step NAME COMMAND…
step() {
  local started=${SECONDS}
  current=$1
  shift
  printf '\n=== %s ===\n' "${current}"
  "$@"
  step_names+=("${current}")
  step_seconds+=("$((SECONDS - started))")
}

# counted COMMAND…: runs tests, and keeps their results for the count at the end.
counted() {
  "$@" 2>&1 | tee -a -- "${work}/tests.log" || die "exit status $? from: $*"
}

# readme_block HEADING FILE: writes the first ```sh block under the README's `## HEADING` to FILE.
readme_block() {
  [[ -f README.md ]] || die 'there is no README.md'
  awk -v heading="## $1" '
    /^(```|~~~)/ && fenced { if (wanted) exit; fenced = 0; next }
    /^(```|~~~)/ { fenced = 1; wanted = inside && /^```sh[[:space:]]*$/; next }
    fenced { if (wanted) print; next }
    /^##? / { sub(/[[:space:]]+$/, ""); inside = ($0 == heading) }
  ' README.md >"$2"
  [[ -s $2 ]] || die "README.md has no \`\`\`sh block under the heading \"## $1\""
  sed 's/^/  $ /' -- "$2"
}

stop_sandbox() {
  if [[ -n ${sandbox_pid} ]]; then
    kill -- "${sandbox_pid}" 2>/dev/null || true
    wait "${sandbox_pid}" || true
    sandbox_pid=''
  fi
}

# The table of durations, what must not be overlooked, and the closing line.
finish() {
  local index passed failed ignored
  current='Counting'
  printf '\n=== Durations ===\n'
  for index in "${!step_names[@]}"; do
    printf '%5d s  %s\n' "${step_seconds[index]}" "${step_names[index]}"
  done
  printf '%5d s  all\n' "${SECONDS}"
  ((${#notes[@]} == 0)) || printf '\n%s\n' "${notes[@]}"

  awk '
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    END { print passed + 0, failed + 0, ignored + 0 }
  ' "${work}/tests.log" >"${work}/count"
  read -r passed failed ignored <"${work}/count"
  ((passed > 0)) || die 'no test was run'
  ((failed == 0)) || die "${failed} tests failed"
  ((ignored == 0)) || die "${ignored} tests were ignored: a test runs, or is deleted"
  finished=yes
  printf '\n%d passed, %d failed\n' "${passed}" "${failed}"
}
