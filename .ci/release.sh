#!/usr/bin/env bash
# Builds the release files twice, compares them, and tests the programs on both architectures. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly release_files=${work}/release-files
readonly aarch64=aarch64-unknown-linux-musl

# Tests that cannot pass under the emulator, with the reason. TEST: REASON.
emulator_limits=(
  'jenkins_sigterm_reports_aborted_while_sigint_and_sighup_stay_ignored: the emulator handles all signals, so the program cannot see which ones were ignored'
  'process_limit_is_an_error_and_no_crash: the emulator needs threads of its own, and aborts under the limit'
)

# Builds here, then in a copy with a longer path, another Cargo home and variables that must have no effect.
make_release() {
  local copy=${work}/a/copy/at/another/path rust any_rust=() file
  rust=$(rustc --version | cut -d ' ' -f 2)
  if ! grep -qx "readonly rust_version=${rust}" scripts/release.sh; then
    any_rust=(--any-rust)
    note "WARNING: this is Rust ${rust}, but releases are built with another version: see scripts/release.sh"
  fi
  export RELEASE_TOOLS=${tools}/release
  scripts/release.sh "${any_rust[@]}" "${release_files}"

  git clone --quiet -- . "${copy}"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "${copy}" --
  CARGO_HOME=${work}/cargo RUSTFLAGS='-C opt-level=0' CFLAGS=-O0 \
    "${copy}/scripts/release.sh" "${any_rust[@]}" "${work}/release-again"
  diff --recursive -- "${release_files}" "${work}/release-again" || die 'two builds of the same source differ'

  for file in "${release_files}"/versioner-*-musl; do
    check_binary "${file}"
    check_size "${file}"
  done
  static_binary=${release_files}/versioner-${musl}
  (cd -- "${release_files}" && sha256sum --check --strict -- checksums.txt)
}

# Lets the kernel start programs for aarch64 (binfmt_misc). `versioner run` starts itself a second time, and must be found then.
register_emulator() {
  local registry=/proc/sys/fs/binfmt_misc emulator magic mask
  emulator=$(type -P qemu-aarch64-static)
  [[ -e ${registry}/register ]] || mount -t binfmt_misc binfmt_misc "${registry}"
  # The start of an ELF file for aarch64: 64 bits, little-endian, an executable or a shared object.
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  if [[ ! -e ${registry}/qemu-aarch64 ]]; then
    printf ':qemu-aarch64:M::%s:%s:%s:F' "${magic}" "${mask}" "${emulator}" >"${registry}/register"
  fi
}

test_emulated() {
  local program=${release_files}/versioner-${aarch64} limit skip=()
  register_emulator
  for limit in "${emulator_limits[@]}"; do
    note "SKIPPED on aarch64: ${limit}"
    skip+=(--skip "${limit%%:*}")
  done
  VERSIONER_TEST_BIN="${program}" run_tests timeout "${test_limit}" cargo test --locked --test it -- "${skip[@]}"
}
