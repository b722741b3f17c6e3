#!/usr/bin/env bash
# Steps that make the release files and test them: twice the same bytes, and what is shipped does what the tests say, on
# both architectures. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly release=${work}/release
readonly aarch64=aarch64-unknown-linux-musl

# Tests that cannot hold under emulation, for a reason that is the emulator's own: NAME, then WHY.
emulation_faults=()

# Once here and once in a copy at a longer path, with another Cargo home and variables that must not count.
make_release() {
  local copy=${work}/a/copy/at/another/path rust any_rust=() file
  rust=$(rustc --version | cut -d ' ' -f 2)
  if ! grep -qx "readonly rust_version=${rust}" scripts/release.sh; then
    any_rust=(--any-rust)
    note "WARNING: this is Rust ${rust}: the release files are made with another, see scripts/release.sh"
  fi
  export RELEASE_TOOLS=${tools}/release
  scripts/release.sh "${any_rust[@]}" "${release}"

  git clone --quiet -- . "${copy}"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "${copy}" --
  CARGO_HOME=${work}/cargo RUSTFLAGS='-C opt-level=0' CFLAGS=-O0 \
    "${copy}/scripts/release.sh" "${any_rust[@]}" "${work}/release-again"
  diff --recursive -- "${release}" "${work}/release-again" || die 'two builds of the same sources differ'

  for file in "${release}"/versioner-*-musl; do
    check_binary "${file}"
    check_size "${file}"
  done
  static_binary=${release}/versioner-${musl}
  (cd -- "${release}" && sha256sum --check --strict -- checksums.txt)
}

# A program stands before the emulator, as a shell would change the environment that the tests give.
test_emulated() {
  local emulator program=${work}/versioner-emulated fault skip=()
  emulator=$(type -P qemu-aarch64-static)
  musl-gcc -static -O2 -Wall -Werror -o "${program}" \
    -DEMULATOR="\"${emulator}\"" -DEMULATED="\"${release}/versioner-${aarch64}\"" .ci/emulated.c
  for fault in "${emulation_faults[@]}"; do
    note "SKIPPED on aarch64: ${fault}"
    skip+=(--skip "${fault%% *}")
  done
  VERSIONER_TEST_BIN="${program}" counted timeout "${test_limit}" cargo test --locked --test it -- "${skip[@]}"
}
