#!/usr/bin/env bash
# What the check needs beside cargo and git, installed where it is missing. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly cargo_deny_version=0.20.2
readonly musl=x86_64-unknown-linux-musl

# What `build_static` builds for, and with.
static_target=${musl}
static_rustflags=''

install_toolchain() {
  [[ ${OSTYPE} == linux* && ${HOSTTYPE} == x86_64 ]] || die 'this check runs on Linux on x86-64'
  install_packages
  cargo clippy --version || rustup component add clippy
  cargo fmt --version || rustup component add rustfmt
  install_target
  install_linters
  rustc --version
  # All of Cargo.lock, for whatever system: cargo-deny looks at it offline.
  cargo fetch --locked
}

install_packages() {
  local need missing=()
  # PROGRAM:PACKAGE. The program `time`, not the shell's word: hence `type -P`.
  for need in busybox:busybox curl:curl dash:dash musl-gcc:musl-tools qemu-aarch64-static:qemu-user-static \
    readelf:binutils rsync:rsync script:bsdutils shasum:perl strace:strace time:time wget:wget; do
    type -P "${need%:*}" || missing+=("${need#*:}")
  done
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
    note "WARNING: the target ${musl} could not be added: what is shipped is NOT what is tested." \
      "${static_target} is linked statically instead."
  fi
}

# The linters for shell scripts, in an environment of their own.
install_linters() {
  local venv=${tools}/venv
  if ! cmp --silent -- .ci/requirements.txt "${venv}/requirements.txt"; then
    rm -rf -- "${venv}"
    python3 -m venv "${venv}"
    "${venv}/bin/pip" install --quiet --only-binary :all: --requirement .ci/requirements.txt
    cp -- .ci/requirements.txt "${venv}/requirements.txt"
  fi
}

# Unoptimised: it is built in half the time, and checks in three seconds.
install_cargo_deny() {
  local installed=''
  [[ ! -x ${tools}/bin/cargo-deny ]] || installed=$("${tools}/bin/cargo-deny" --version)
  if [[ ${installed} != "cargo-deny ${cargo_deny_version}" ]]; then
    cargo install --quiet --locked --debug --root "${tools}" cargo-deny --version "${cargo_deny_version}"
  fi
}
