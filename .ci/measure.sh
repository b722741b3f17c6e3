#!/usr/bin/env bash
# What the program takes: time, memory, and what a wait costs. Printed, not asserted: this machine may be busy.
# Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly events=50
readonly wait_seconds=60

measure() {
  local url key
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  local event=(track deployment --product shop --version 1.4.2 --environment)
  local call=(env -i "VERSIONER_API_URL=${url}" "VERSIONER_API_KEY=${key}" "${static_binary}" "${event[@]}")
  measure_events "${url}" "${key}"
  measure_wait "${url}"
  stop_sandbox
}

# One event a process, beside curl with the same request: a ratio says the same on any machine.
measure_events() {
  local ours curls memory
  local request=(curl --silent --output "${work}/measured.out" --header "Authorization: Bearer $2"
    --header 'Content-Type: application/json'
    --data '{"product_name":"shop","version":"1.4.2","environment_name":"staging","status":"completed"}'
    "$1/deployment-events/")
  ours=$(timed "${call[@]}" staging)
  curls=$(timed "${request[@]}")
  awk -v events="${events}" -v ours="${ours}" -v curls="${curls}" 'BEGIN {
    printf "%d events, a process each: %.1f ms each; with curl %.1f ms; ratio %.2f\n",
      events, ours / 1000 / events, curls / 1000 / events, ours / curls
  }'
  memory=$(peak_memory "${call[@]}" staging)
  printf 'peak memory of an event: %s KiB\n' "${memory}"
}

# What waiting for a freeze costs: the process must sleep.
measure_wait() {
  local rule used
  rule=$(printf '{"kind":"window","name":"freeze","environment":"production","ends_in_seconds":%d}' "${wait_seconds}")
  curl --silent --output "${work}/measured.out" --data "${rule}" --header 'Content-Type: application/json' \
    "$1/_sandbox/rules"
  used=$(cpu "${call[@]}" production --status started --on-block wait)
  printf 'a wait of %d s: %s ms of CPU\n' "${wait_seconds}" "${used}"
}

# timed COMMAND…: microseconds for as many runs as there are events.
timed() {
  local index started ended
  started=$(microseconds)
  for ((index = 0; index < events; index++)); do
    "$@" >"${work}/measured.out" 2>&1
  done
  ended=$(microseconds)
  printf '%d' "$((ended - started))"
}

# peak_memory COMMAND…: in KiB.
peak_memory() {
  local time
  time=$(type -P time)
  "${time}" --format %M --output "${work}/memory" "$@" >"${work}/measured.out" 2>&1
  cat -- "${work}/memory"
}

# cpu COMMAND…: milliseconds, user and system, of a command that must succeed.
cpu() {
  python3 -c '
import resource, subprocess, sys
def used():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (children.ru_utime + children.ru_stime)
before = used()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print("%.1f" % (used() - before))' "$@"
}

# As the tests have built it.
start_sandbox() {
  local tries
  # What an earlier one said must not be taken for its word.
  rm -f -- "${work}/sandbox.out"
  "${CARGO_TARGET_DIR}/debug/versioner-sandbox" >"${work}/sandbox.out" 2>&1 &
  sandbox_pid=$!
  for ((tries = 0; tries < 100; tries++)); do
    ! grep -qs '^api key ' "${work}/sandbox.out" || return 0
    sleep 0.1
  done
  die 'the sandbox did not start within 10 seconds'
}
