#!/usr/bin/env bash
# Runs the tests: `tests/run.sh [ARGUMENT…]`, where the arguments are those of `cargo test`.
#
# First installs the programs that the tests call and this machine lacks: on Debian and Ubuntu, as root or with a sudo
# that needs no password. Skips the tests whose programs are still missing, and lists and counts them at the end.
# Must work with bash 3.2, the version that macOS has.

set -Eeuo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# PROGRAM|PACKAGES|TESTS: the program's Debian packages, and parts of the names of the tests that need it. All tests need
# the C compiler, which comes first.
readonly needs=(
  'cc|gcc libc6-dev|'
  'busybox|busybox|entrypoint:: download:: environment::'
  'curl|curl|download:: environment::'
  'dash|dash|entrypoint:: download:: environment::'
  'shasum|perl|entrypoint::shasum'
  'strace|strace|tls::strace network::strace crash::strace'
  'wget|wget|download::'
)

missing=()
skips=()
reason=''
status=0
scratch=$(mktemp -d)
readonly scratch
: >"${scratch}/not-run"
trap 'rm -rf -- "${scratch}"' EXIT

# The tests send signals with the program kill, which small images lack. Bash has one built in.
mkdir -- "${scratch}/bin"
printf '#!%s\nkill "$@"\n' "${BASH}" >"${scratch}/bin/kill"
chmod 755 "${scratch}/bin/kill"
export PATH="${PATH}:${scratch}/bin"

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
  ((${#missing[@]} == 0)) || report_missing
}

# run COMMAND…: runs tests and keeps what they print for the count. `status` is 0 if all commands succeeded.
run() {
  "$@" | tee -a -- "${scratch}/log" || status=$?
}

# tests/it, tests/campaign and some modules of tests/action need Linux, for example its /proc. Elsewhere these modules are not compiled.
run_on_macos() {
  local modules module files=() count
  run cargo test --locked --workspace --exclude versioner-action --exclude versioner-campaign
  run cargo test --locked --lib --bins --test action
  modules=$(sed -n '/^#\[cfg(target_os = "linux")\]$/{n;s/^mod \(.*\);$/\1/p;}' tests/action/main.rs)
  for module in ${modules}; do
    files+=("tests/action/${module}.rs")
  done
  list_tests cargo test --locked --test it --
  count=$(grep -h '^#\[test\]$' "${files[@]}" | cat -- - "${scratch}/names" | wc -l)
  printf 'not run: %d tests that need Linux: tests/it %s\n' "${count}" "${files[*]}" | tee -- "${scratch}/not-run"
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
        reason="apt-get: $(sed -n 's/^E: //p' "${log}" | head -n 1)"
      fi
    done
  done
}

# list_tests COMMAND…: writes the names of all tests that the command would run to the file `names`.
list_tests() {
  "$@" --list >"${scratch}/list" 2>"${scratch}/errors" || fail "cannot list the tests: $(<"${scratch}/errors")"
  sed -n 's/: test$//p' "${scratch}/list" >"${scratch}/names"
}

# Fails if a part of a name in `needs` matches no test: a renamed test would no longer be skipped.
check_needs() {
  local need part
  ((${#missing[@]} > 0)) || sed -n 's/^test \(.*\) \.\.\. .*/\1/p' "${scratch}/log" >"${scratch}/names"
  for need in "${needs[@]}"; do
    for part in ${need##*|}; do
      grep -qF -e "${part}" -- "${scratch}/names" \
        || fail "no test has a name with ${part}: correct \`needs\` in tests/run.sh"
    done
  done
}

# Names each test that was not run once, under all the missing programs that it needs.
report_missing() {
  printf '%s\n' "${missing[@]}" >"${scratch}/missing"
  awk -F '|' '
    FNR == NR { program[++programs] = $1; tests[programs] = $NF; next }
    {
      needed = ""
      for (i = 1; i <= programs; i++) {
        parts = split(tests[i], part, " ")
        for (j = 1; j <= parts && !index($0, part[j]); j++);
        if (j <= parts) needed = needed (needed ? ", " : "") program[i]
      }
      if (!needed) next
      if (!count[needed]++) group[++groups] = needed
      names[needed] = names[needed] ", " $0
    }
    END {
      for (i = 1; i <= groups; i++) {
        words = count[group[i]] == 1 ? "test that needs" : "tests that need"
        printf "not run: %d %s %s: %s\n", count[group[i]], words, group[i], substr(names[group[i]], 3)
      }
    }
  ' "${scratch}/missing" "${scratch}/names" | tee -- "${scratch}/not-run"
}

# The closing line.
count_results() {
  awk '
    /^test result: / { passed += $4; failed += $6; skipped += $8 }
    /^not run: / { skipped += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
  ' "${scratch}/log" "${scratch}/not-run"
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
