#!/usr/bin/env bash
# Measures versioner, and writes docs/performance.md with its charts.
#
#     benches/run.sh compare [--rounds NUMBER] [--dry-run] …   beside other clients
#     benches/run.sh fleet [--million]                         jobs that wait for one window, in virtual time
#     benches/run.sh size [--features]                         what the program's size consists of
#     benches/run.sh guard [--record]                          against the recorded figures of the guard
#     benches/run.sh render                                    write the page again from the recorded figures
#
# `compare` includes the vendor's clients if their paths are in VENDOR_CLI (the program) and VENDOR_ACTION (a checkout
# with its dist directory). It runs on Linux on x86-64 and needs curl, git, strace and musl-gcc. As root, it measures with
# real-time priority, so that other processes disturb less. `guard` builds the release files, and needs valgrind and
# strace. CARGO names another cargo.

set -Eeuo pipefail
shopt -s inherit_errexit

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
readonly cargo=${CARGO:-cargo} target=x86_64-unknown-linux-musl
readonly build=${CARGO_TARGET_DIR:-target}
export CC_x86_64_unknown_linux_musl=${CC_x86_64_unknown_linux_musl:-musl-gcc}

main() {
  local command=${1:-} arguments=() priority=()
  (($# == 0)) || shift
  case ${command} in
    compare)
      "${cargo}" build --release --locked --target "${target}" --bin versioner
      "${cargo}" build --release --locked --target "${target}" --package versioner-floor
      arguments=(--versioner "${build}/${target}/release/versioner" --floor "${build}/${target}/release")
      ! chrt --fifo 10 true 2>/dev/null || priority=(chrt --fifo 10)
      [[ -z ${VENDOR_CLI:-} ]] || arguments+=(--vendor-cli "${VENDOR_CLI}")
      [[ -z ${VENDOR_ACTION:-} ]] || arguments+=(--vendor-action "${VENDOR_ACTION}")
      ;;
    size)
      "${cargo}" build --release --locked --target "${target}" --bin versioner
      "${cargo}" build --release --locked --target "${target}" --bin versioner --config profile.release.strip=false \
        --target-dir "${build}/symbols"
      arguments=(--versioner "${build}/${target}/release/versioner"
        --symbols "${build}/symbols/${target}/release/versioner")
      ;;
    guard)
      rm -rf -- "${build}/guard"
      scripts/release.sh --any-rust "${build}/guard"
      arguments=(--x86-64 "${build}/guard/versioner-${target}"
        --aarch64 "${build}/guard/versioner-aarch64-unknown-linux-musl")
      ;;
    fleet | render) ;;
    *)
      printf 'usage: benches/run.sh compare|fleet|size|guard|render [FLAG]…\n' >&2
      exit 1
      ;;
  esac
  "${cargo}" build --profile bench-tool --locked --package versioner-compare
  "${priority[@]}" "${build}/bench-tool/versioner-compare" "${command}" "${arguments[@]}" "$@"
}

main "$@"
