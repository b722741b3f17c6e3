#!/usr/bin/env bash
# Measures time, memory, and the CPU time of a wait. Prints the results without a limit, as this machine may be busy.
# Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
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

# Times one event per process, and curl with the same request. Unlike the times, their ratio can be compared across
# machines.
measure_events() {
  local ours curl memory
  local request=(curl --silent --output "${work}/measured.out" --header "Authorization: Bearer $2"
    --header 'Content-Type: application/json'
    --data '{"product_name":"shop","version":"1.4.2","environment_name":"staging","status":"completed"}'
    "$1/deployment-events/")
  ours=$(time_runs "${call[@]}" staging)
  curl=$(time_runs "${request[@]}")
  awk -v events="${events}" -v ours="${ours}" -v curl="${curl}" 'BEGIN {
    printf "%d events, one process each: %.1f ms per event; curl: %.1f ms; ratio %.2f\n",
      events, ours / 1000 / events, curl / 1000 / events, ours / curl
  }'
  memory=$(peak_memory "${call[@]}" staging)
  printf 'peak memory of an event: %s KiB\n' "${memory}"
}

# Measures the CPU time of a wait, during which the process must sleep.
measure_wait() {
  local rule used
  rule=$(printf '{"kind":"window","name":"freeze","environment":"production","ends_in_seconds":%d}' "${wait_seconds}")
  curl --silent --output "${work}/measured.out" --data "${rule}" --header 'Content-Type: application/json' \
    "$1/_sandbox/rules"
  used=$(cpu_time "${call[@]}" production --status started --on-block wait)
  printf 'a wait of %d s: %s ms of CPU\n' "${wait_seconds}" "${used}"
}

# time_runs COMMAND…: prints the microseconds that `events` runs take.
time_runs() {
  local index started ended
  started=$(microseconds)
  for ((index = 0; index < events; index++)); do
    "$@" >"${work}/measured.out" 2>&1
  done
  ended=$(microseconds)
  printf '%d' "$((ended - started))"
}

# peak_memory COMMAND…: prints KiB.
peak_memory() {
  local time
  time=$(type -P time)
  "${time}" --format %M --output "${work}/memory" "$@" >"${work}/measured.out" 2>&1
  cat -- "${work}/memory"
}

# cpu_time COMMAND…: prints the milliseconds of user and system time. The command must succeed.
cpu_time() {
  python3 -c '
import resource, subprocess, sys
def used():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (children.ru_utime + children.ru_stime)
before = used()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print("%.1f" % (used() - before))' "$@"
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
