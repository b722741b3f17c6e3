#!/usr/bin/env bash
# Runs the tests: `tests/run.sh [ARGUMENT…]`, where the arguments are those of `cargo test`.
#
# First it installs the programs that the tests call and that this machine lacks: on Debian and Ubuntu, as root or with a
# sudo that needs no password. Tests whose programs are still missing are not run, but listed and counted at the end.
# It works with bash 3.2, the one that macOS has.

set -Eeuo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# PROGRAM|PACKAGES|TESTS: its packages on Debian, and parts of the names of the tests that need it. All need a C compiler.
readonly needs=(
  'cc|gcc libc6-dev|'
  'busybox|busybox|entrypoint:: fetching::'
  'curl|curl|fetching::'
  'dash|dash|entrypoint:: fetching::'
  'kill|procps|cancelled:: program:: step:: waiting:: wrapped::'
  'shasum|perl|entrypoint::shasum'
  'strace|strace|tls::strace'
  'wget|wget|fetching::'
)

missing=()
skips=()
reason=''
status=0
scratch=$(mktemp -d)
readonly scratch
trap 'rm -rf -- "${scratch}"' EXIT

main() {
  local command=(cargo test --workspace --locked) arguments=$#
  type -P cargo >/dev/null || fail 'cargo is missing: install Rust (https://rustup.rs)'
  if [[ ${OSTYPE} != darwin* ]]; then
    provide_programs
  elif (($# == 0)); then
    run_on_macos
    return
  fi
  while (($# > 0)) && [[ $1 != -- ]]; do
    command+=("$1")
    shift
  done
  (($# == 0)) || shift
  command+=(-- "$@")
  # An empty array is an unset variable to older versions of bash.
  run "${command[@]}" ${skips[@]+"${skips[@]}"}
  grep -q '^test result: ' "${scratch}/log" || exit "${status}"
  ((${#missing[@]} == 0)) || list_tests "${command[@]}"
  ((arguments > 0 || status != 0)) || [[ ${OSTYPE} == darwin* ]] || check_needs
  report_missing
}

# run COMMAND…: runs tests and keeps what they print for the count. `status` is 0 if all commands succeeded.
run() {
  "$@" | tee -a -- "${scratch}/log" || status=$?
}

# tests/it, and the modules of tests/action that are not compiled, need Linux: /proc, its signals, its tools.
run_on_macos() {
  local modules files=() module count
  modules=$(sed -n '/^#\[cfg(target_os = "linux")\]$/{n;s/^mod \(.*\);$/\1/p;}' tests/action/main.rs)
  for module in ${modules}; do
    files+=("tests/action/${module}.rs")
  done
  run cargo test --workspace --exclude versioner-action --locked
  run cargo test --locked --lib --bins --test action
  grep -rhE '^ *#\[test\]$' tests/it "${files[@]}" >"${scratch}/skipped"
  count=$(wc -l <"${scratch}/skipped")
  printf 'not run: %d tests that need Linux: tests/it %s\n' "${count}" "${files[*]}"
}

provide_programs() {
  find_missing
  ((${#missing[@]} > 0)) || return 0
  install_packages
  find_missing
  ((${#missing[@]} > 0)) || return 0
  local need names=''
  for need in "${missing[@]}"; do
    names+="${names:+, }${need%%|*}"
  done
  [[ ${missing[0]} != 'cc|'* ]] || fail "cannot build, as these are missing: ${names} (${reason})"
  say "tests that need these programs are not run: ${names} (${reason})"
  for need in "${missing[@]}"; do
    add_skips "${need##*|}"
  done
}

find_missing() {
  local need
  missing=()
  for need in "${needs[@]}"; do
    type -P "${need%%|*}" >/dev/null || missing+=("${need}")
  done
}

add_skips() {
  local part
  for part in $1; do
    skips+=(--skip "${part}")
  done
}

# Installs what it can, and sets `reason` to why it cannot install the rest.
install_packages() {
  local as_root=(env) need packages package log=${scratch}/apt-get
  if [[ ! -f /etc/debian_version ]]; then
    reason='packages are installed on Debian and Ubuntu only'
    return
  fi
  if ((EUID != 0)); then
    as_root=(sudo -n env)
    if ! "${as_root[@]}" true >"${log}" 2>&1; then
      reason='not root, and no sudo without a password'
      return
    fi
  fi
  as_root+=(DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  reason='installed, but not on the PATH'
  "${as_root[@]}" update >"${log}" 2>&1 || true
  for need in "${missing[@]}"; do
    packages=${need#*|}
    for package in ${packages%|*}; do
      say "installing ${package}"
      if ! "${as_root[@]}" install --no-install-recommends -- "${package}" >>"${log}" 2>&1; then
        reason=$(sed -n 's/^E: //p' "${log}" | tail -n 1)
      fi
    done
  done
}

# list_tests COMMAND…: the names of all tests that the command would run.
list_tests() {
  "$@" --list >"${scratch}/list" 2>"${scratch}/list-errors" || fail "cannot list the tests: $(<"${scratch}/list-errors")"
  sed -n 's/: test$//p' "${scratch}/list" >"${scratch}/names"
}

# tests_named 'PART…': the tests that `--skip` finds by these parts of their names.
tests_named() {
  printf '%s\n' "$1" | tr ' ' '\n' | grep -F -f - -- "${scratch}/names" || true
}

# Every part of a name in `needs` stands for a test: one that was renamed would no longer be skipped.
check_needs() {
  local need part found
  ((${#missing[@]} > 0)) || sed -n 's/^test \(.*\) \.\.\. .*/\1/p' "${scratch}/log" >"${scratch}/names"
  for need in "${needs[@]}"; do
    for part in ${need##*|}; do
      found=$(tests_named "${part}")
      [[ -n ${found} ]] || fail "no test has a name with ${part}: correct \`needs\` in tests/run.sh"
    done
  done
}

report_missing() {
  local need names count
  : >"${scratch}/all-skipped"
  for need in ${missing[@]+"${missing[@]}"}; do
    names=$(tests_named "${need##*|}")
    [[ -n ${names} ]] || continue
    printf '%s\n' "${names}" >>"${scratch}/all-skipped"
    count=$(printf '%s\n' "${names}" | wc -l)
    printf 'not run: %d tests that need %s: %s\n' "${count}" "${need%%|*}" "${names//$'\n'/, }"
  done
  sort -u -- "${scratch}/all-skipped" >"${scratch}/skipped"
}

# The closing line.
count_results() {
  local skipped
  skipped=$(wc -l <"${scratch}/skipped")
  awk -v skipped="${skipped}" '
    /^test result: / { passed += $4; failed += $6; skipped += $8 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
  ' "${scratch}/log"
}

say() {
  printf 'tests/run.sh: %s\n' "$*" >&2
}

fail() {
  say "error: $*"
  exit 1
}

main "$@"
count_results
exit "${status}"
