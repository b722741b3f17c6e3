#!/usr/bin/env bash
# Makes the files of a release, for every target: the binary and a list of what is in it, and the SHA-256 of each file.
#
#     scripts/release.sh [--any-rust] DIRECTORY
#
# The same commit gives the same bytes, on whatever machine and in whatever directory, with the versions named below:
# nothing but Rust, its own linker, Zig as C compiler, and what Cargo.lock names takes part. Another Rust makes other
# bytes: it is an error, unless --any-rust is given. It runs on Linux, and wants rustup, git and Python's venv. Tools are
# kept in target/release-tools, or in RELEASE_TOOLS.

set -Eeuo pipefail
shopt -s inherit_errexit

readonly rust_version=1.95.0
readonly cyclonedx_version=0.5.9
readonly targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl)

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
readonly build=${root}/target/release-build
tools=${RELEASE_TOOLS:-${root}/target/release-tools}

main() {
  local any_rust=no out
  if [[ ${1:-} == --any-rust ]]; then
    any_rust=yes
    shift
  fi
  (($# == 1)) && [[ $1 != -* && -n $1 ]] || fail 'usage: scripts/release.sh [--any-rust] DIRECTORY'
  out=$(prepared "$1")
  tools=$(prepared_tools)
  cd -- "${root}"
  check_rust "${any_rust}"
  install_zig
  install_cyclonedx
  build_all
  local target
  for target in "${targets[@]}"; do
    install -m 755 -- "${build}/${target}/release/versioner" "${out}/versioner-${target}"
    list_parts "${target}" "${out}/versioner-${target}.cdx.json"
  done
  cd -- "${out}"
  sha256sum -- versioner-* >checksums.txt
  cat -- checksums.txt
  write_component "${out}/versioner.yml"
}

# write_component FILE: the GitLab component, with the SHA-256s that it verifies the program by.
write_component() {
  local target name sum
  cp -- "${root}/templates/versioner.yml" "$1"
  for target in "${targets[@]}"; do
    name=sha256_${target%%-*}
    sum=$(sha256sum <"versioner-${target}")
    sed -i "/^    ${name}:/,/^      default:/ s/default: ''/default: '${sum%% *}'/" -- "$1"
    grep -q "default: '${sum%% *}'" -- "$1" || fail "templates/versioner.yml has no input ${name} to fill in"
  done
}

fail() {
  printf 'release: error: %s\n' "$*" >&2
  exit 1
}

say() {
  printf 'release: %s\n' "$*" >&2
}

# prepared DIRECTORY: its full path; it exists, and is empty.
prepared() {
  mkdir -p -- "$1"
  local found
  found=$(find "$1/" -mindepth 1 -print -quit)
  [[ -z ${found} ]] || fail "$1 is not empty: give a new directory, so that nothing old is released"
  cd -- "$1"
  pwd -P
}

prepared_tools() {
  mkdir -p -- "${tools}"
  cd -- "${tools}"
  pwd -P
}

check_rust() {
  local found
  found=$(rustc --version)
  if [[ ${found} != "rustc ${rust_version} "* ]]; then
    [[ $1 == yes ]] || fail "this is ${found}, and releases are made with ${rust_version}: set" \
      "RUSTUP_TOOLCHAIN=${rust_version}, or give --any-rust for files that differ from the published ones"
    say "warning: ${found} instead of ${rust_version}: these files differ from the published ones"
  fi
  rustup --quiet target add "${targets[@]}"
}

install_zig() {
  local venv=${tools}/zig wanted=scripts/release-requirements.txt
  if ! cmp --silent -- "${wanted}" "${venv}/installed.txt"; then
    rm -rf -- "${venv}"
    python3 -m venv "${venv}"
    "${venv}/bin/pip" install --quiet --require-hashes --only-binary :all: --requirement "${wanted}"
    cp -- "${wanted}" "${venv}/installed.txt"
  fi
  local target
  for target in "${targets[@]}"; do
    write_tool "cc-${target}" "cc -target ${target/-unknown/} -fno-sanitize=all"
    write_tool "ar-${target}" ar
  done
}

# write_tool NAME ARGUMENTS: a program that calls Zig so. Rust's name for the target, which Zig does not know, is dropped.
write_tool() {
  cat >"${tools}/$1" <<END
#!/usr/bin/env bash
arguments=()
for argument in "\$@"; do
  [[ \${argument} == --target=* ]] || arguments+=("\${argument}")
done
exec '${tools}/zig/bin/python' -m ziglang $2 "\${arguments[@]}"
END
  chmod 755 -- "${tools}/$1"
}

# Unoptimised: it is built in half the time, and used for a second.
install_cyclonedx() {
  local installed=''
  [[ ! -x ${tools}/bin/cargo-cyclonedx ]] || installed=$("${tools}/bin/cargo-cyclonedx" cyclonedx --version)
  if [[ ${installed} != *" ${cyclonedx_version}" ]]; then
    cargo install --quiet --locked --debug --root "${tools}" --target-dir "${tools}/cyclonedx" \
      cargo-cyclonedx --version "${cyclonedx_version}"
    rm -rf -- "${tools}/cyclonedx"
  fi
}

# All targets in one go, with nothing that this machine happens to set, and no network.
build_all() {
  cargo fetch --quiet --locked
  local cargo_home=${CARGO_HOME:-${HOME}/.cargo} name target upper
  local settings=("CARGO_TARGET_DIR=${build}" "ZIG_GLOBAL_CACHE_DIR=${tools}/zig-cache" CARGO_TERM_COLOR=never)
  for name in PATH HOME CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN TMPDIR; do
    [[ -z ${!name:-} ]] || settings+=("${name}=${!name}")
  done
  # Where things lie on this machine is told to nobody. (\x1f stands between flags.)
  settings+=("CARGO_ENCODED_RUSTFLAGS=--remap-path-prefix=${cargo_home}=/cargo"$'\x1f'"--remap-path-prefix=${root}=/versioner")
  local arguments=()
  for target in "${targets[@]}"; do
    arguments+=(--target "${target}")
    name=${target//-/_}
    upper=${name^^}
    settings+=("CC_${name}=${tools}/cc-${target}" "AR_${name}=${tools}/ar-${target}")
    settings+=("CARGO_TARGET_${upper}_LINKER=rust-lld")
  done
  env --ignore-environment -- "${settings[@]}" cargo build --release --frozen --bin versioner "${arguments[@]}"
}

# list_parts TARGET FILE: the software bill of materials, in CycloneDX's JSON. Made in a copy, since the tool writes beside
# each Cargo.toml. With a fixed time, the commit's, it draws no serial number.
list_parts() {
  local copy epoch
  epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  copy=$(mktemp -d)
  cp -a -- Cargo.toml Cargo.lock build.rs src tests "${copy}"
  SOURCE_DATE_EPOCH=${epoch} "${tools}/bin/cargo-cyclonedx" cyclonedx --quiet --manifest-path "${copy}/Cargo.toml" \
    --format json --spec-version 1.5 --describe binaries --target "$1"
  sed "s|path+file://${copy}|path+file:///versioner|" -- "${copy}/versioner_bin.cdx.json" >"$2"
  rm -rf -- "${copy}"
}

main "$@"
