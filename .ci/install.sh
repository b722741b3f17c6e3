#!/usr/bin/env bash
# Installs what the checks need in addition to cargo and git. Sourced by `run`.
#
# The programs that the tests call are installed by tests/run.sh.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly cargo_deny_version=0.20.2
readonly wine=/usr/lib/wine/wine64
readonly musl=x86_64-unknown-linux-musl

# The target and the flags of `build_static`.
static_target=${musl}
static_rustflags='-C relocation-model=static'

install_toolchain() {
  [[ ${OSTYPE} == linux* && ${HOSTTYPE} == x86_64 ]] || die 'this check runs on Linux on x86-64 only'
  install_packages
  cargo clippy --version || rustup component add clippy
  cargo fmt --version || rustup component add rustfmt
  install_target
  install_linters
  rustc --version
  # Fetches the crates of all platforms: cargo-deny checks all of Cargo.lock offline.
  cargo fetch --locked
}

install_packages() {
  local need missing=()
  # PROGRAM:PACKAGE.
  for need in curl:curl java:default-jre-headless musl-gcc:musl-tools mvn:maven qemu-aarch64-static:qemu-user-static \
    readelf:binutils rsync:rsync script:bsdutils strace:strace valgrind:valgrind \
    x86_64-w64-mingw32-gcc:gcc-mingw-w64-x86-64; do
    type -P "${need%:*}" || missing+=("${need#*:}")
  done
  # Debian does not put it on the PATH.
  [[ -x ${wine} ]] || missing+=(wine64)
  python3 -c 'import ensurepip' || missing+=(python3-venv)
  if ((${#missing[@]} > 0)); then
    [[ ${EUID} == 0 && -f /etc/debian_version ]] || die "install these packages (Debian's names): ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -- "${missing[@]}"
  fi
}

install_target() {
  if ! rustup target add "${musl}"; then
    static_target=x86_64-unknown-linux-gnu
    static_rustflags='-C target-feature=+crt-static'
    note "WARNING: cannot add the target ${musl}: the tested binary is a static build for ${static_target}," \
      'NOT the one that is released.'
  fi
}

# Installs the linters into a virtual environment.
install_linters() {
  local venv=${tools}/venv
  if ! cmp --silent -- .ci/requirements.txt "${venv}/requirements.txt"; then
    rm -rf -- "${venv}"
    python3 -m venv "${venv}"
    "${venv}/bin/pip" install --quiet --only-binary :all: --requirement .ci/requirements.txt
    cp -- .ci/requirements.txt "${venv}/requirements.txt"
  fi
}

# A debug build takes half the time, and the check then still takes only three seconds.
install_cargo_deny() {
  local installed=''
  [[ ! -x ${tools}/bin/cargo-deny ]] || installed=$("${tools}/bin/cargo-deny" --version)
  if [[ ${installed} != "cargo-deny ${cargo_deny_version}" ]]; then
    cargo install --quiet --locked --debug --root "${tools}" cargo-deny --version "${cargo_deny_version}"
  fi
}
