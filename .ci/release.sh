#!/usr/bin/env bash
# Steps that make the release files and test them: twice the same bytes, and what is shipped does what the tests say, on
# both architectures. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly release_files=${work}/release-files
readonly aarch64=aarch64-unknown-linux-musl

# Tests that cannot hold under emulation, for a reason that is the emulator's own: NAME: WHY.
emulation_faults=(
  'jenkins_signals_all_and_ignores_two_signals_from_the_start: the emulator handles every signal itself, so that no program can see which were ignored'
)

# Once here and once in a copy at a longer path, with another Cargo home and variables that must not count.
make_release() {
  local copy=${work}/a/copy/at/another/path rust any_rust=() file
  rust=$(rustc --version | cut -d ' ' -f 2)
  if ! grep -qx "readonly rust_version=${rust}" scripts/release.sh; then
    any_rust=(--any-rust)
    note "WARNING: this is Rust ${rust}: the release files are made with another, see scripts/release.sh"
  fi
  export RELEASE_TOOLS=${tools}/release
  scripts/release.sh "${any_rust[@]}" "${release_files}"

  git clone --quiet -- . "${copy}"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "${copy}" --
  CARGO_HOME=${work}/cargo RUSTFLAGS='-C opt-level=0' CFLAGS=-O0 \
    "${copy}/scripts/release.sh" "${any_rust[@]}" "${work}/release-again"
  diff --recursive -- "${release_files}" "${work}/release-again" || die 'two builds of the same sources differ'

  for file in "${release_files}"/versioner-*-musl; do
    check_binary "${file}"
    check_size "${file}"
  done
  static_binary=${release_files}/versioner-${musl}
  (cd -- "${release_files}" && sha256sum --check --strict -- checksums.txt)
  check_image
}

# What the image holds is the program alone: it must work where there is nothing else.
check_image() {
  local image=${work}/image url key copies chroot
  "${tools}/venv/bin/hadolint" --no-color -- Dockerfile
  grep -qx 'FROM scratch' Dockerfile || die 'the Dockerfile does not begin from scratch'
  copies=$(grep -cE '^(COPY|ADD|RUN) ' Dockerfile)
  ((copies == 1)) || die 'the Dockerfile puts more than the program into the image'
  if [[ ${EUID} != 0 ]]; then
    note 'SKIPPED: the program in an empty root: that takes root'
    return
  fi
  install -D --mode 755 -- "${static_binary}" "${image}/versioner"
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  # By its path: without an environment it is not found.
  chroot=$(type -P chroot)
  env -i "VERSIONER_API_URL=${url}" "VERSIONER_API_KEY=${key}" "${chroot}" -- "${image}" /versioner \
    track deployment --product shop --version 1.4.2 --environment staging
  stop_sandbox
}

# A program stands before the emulator, as a shell would change the environment that the tests give.
test_emulated() {
  local emulator program=${work}/versioner-emulated fault skip=()
  emulator=$(type -P qemu-aarch64-static)
  musl-gcc -static -O2 -Wall -Werror -o "${program}" \
    -DEMULATOR="\"${emulator}\"" -DEMULATED="\"${release_files}/versioner-${aarch64}\"" .ci/emulated.c
  for fault in "${emulation_faults[@]}"; do
    note "SKIPPED on aarch64: ${fault}"
    skip+=(--skip "${fault%%:*}")
  done
  VERSIONER_TEST_BIN="${program}" counted timeout "${test_limit}" cargo test --locked --test it -- "${skip[@]}"
}
