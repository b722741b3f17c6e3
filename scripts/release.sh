#!/usr/bin/env bash
# Builds the files of a release: for each target the binary and its software bill of materials, SHA-256 checksums, shell
# completions and the man page.
#
#     scripts/release.sh [--any-rust] DIRECTORY
#
# Builds are reproducible: the same commit gives the same bytes on every machine and in every directory. The build uses
# only one version of Rust with its own linker, one version of Zig as the C compiler, and the crates in Cargo.lock.
# Another version of Rust gives other bytes, so it is an error unless --any-rust is given.
#
# Runs on Linux and needs rustup, git and Python's venv. Keeps tools in target/release-tools, or in RELEASE_TOOLS.

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
  out=$(create_empty "$1")
  tools=$(create_tools)
  cd -- "${root}"
  check_rust "${any_rust}"
  install_zig
  install_cyclonedx
  build_all
  local target
  for target in "${targets[@]}"; do
    install -m 755 -- "${build}/${target}/release/versioner" "${out}/versioner-${target}"
    write_sbom "${target}" "${out}/versioner-${target}.cdx.json"
  done
  # `tests/it/generated.rs` keeps them up to date.
  install -m 644 -- completions/versioner.* "${out}"
  cd -- "${out}"
  sha256sum -- versioner-* >checksums.txt
  cat -- checksums.txt
  write_component "${out}/versioner.yml"
}

# write_component FILE: writes the GitLab component with the checksums that it verifies the program with.
write_component() {
  local target name sum
  cp -- "${root}/templates/versioner.yml" "$1"
  for target in "${targets[@]}"; do
    name=sha256_${target%%-*}
    sum=$(sha256sum <"versioner-${target}")
    sed -i "/^    ${name}:/,/^      default:/ s/default: ''/default: '${sum%% *}'/" -- "$1"
    grep -q "default: '${sum%% *}'" -- "$1" || fail "templates/versioner.yml has no input ${name}"
  done
}

fail() {
  printf 'release: error: %s\n' "$*" >&2
  exit 1
}

warn() {
  printf 'release: warning: %s\n' "$*" >&2
}

# create_empty DIRECTORY: creates the directory and prints its absolute path. Fails if it is not empty.
create_empty() {
  mkdir -p -- "$1"
  local found
  found=$(find "$1/" -mindepth 1 -print -quit)
  [[ -z ${found} ]] || fail "$1 is not empty: use a new directory, to not release old files"
  cd -- "$1"
  pwd -P
}

create_tools() {
  mkdir -p -- "${tools}"
  cd -- "${tools}"
  pwd -P
}

check_rust() {
  local found
  found=$(rustc --version)
  if [[ ${found} != "rustc ${rust_version} "* ]]; then
    [[ $1 == yes ]] || fail "this is ${found}, but releases are built with ${rust_version}: set" \
      "RUSTUP_TOOLCHAIN=${rust_version}, or use --any-rust to build files that differ from the published ones"
    warn "this is ${found}, but releases are built with ${rust_version}: the files differ from the published ones"
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

# write_tool NAME ARGUMENTS: writes a program that runs Zig with these arguments. The program drops Rust's --target, as Zig
# has other names for targets.
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

# A debug build takes half the time, and the program runs for only a second.
install_cyclonedx() {
  local installed=''
  [[ ! -x ${tools}/bin/cargo-cyclonedx ]] || installed=$("${tools}/bin/cargo-cyclonedx" cyclonedx --version)
  if [[ ${installed} != *" ${cyclonedx_version}" ]]; then
    cargo install --quiet --locked --debug --root "${tools}" --target-dir "${tools}/cyclonedx" \
      cargo-cyclonedx --version "${cyclonedx_version}"
    rm -rf -- "${tools}/cyclonedx"
  fi
}

# Builds all targets at once, offline and in an environment without other settings of this machine.
build_all() {
  cargo fetch --quiet --locked
  local cargo_home=${CARGO_HOME:-${HOME}/.cargo} name target upper
  local settings=("CARGO_TARGET_DIR=${build}" "ZIG_GLOBAL_CACHE_DIR=${tools}/zig-cache" CARGO_TERM_COLOR=never)
  for name in PATH HOME CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN TMPDIR; do
    [[ -z ${!name:-} ]] || settings+=("${name}=${!name}")
  done
  # Keeps the paths of this machine out of the binary. (\x1f separates flags.)
  local remap="--remap-path-prefix=${cargo_home}=/cargo"$'\x1f'"--remap-path-prefix=${root}=/versioner"
  # Fixed addresses, as aarch64 has: relocating the program would be a tenth of the time of a call.
  settings+=("CARGO_ENCODED_RUSTFLAGS=${remap}"$'\x1f''-Crelocation-model=static')
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

# write_sbom TARGET FILE: writes the software bill of materials as CycloneDX JSON. The tool writes a file next to each
# Cargo.toml, so it runs in a copy. With a fixed time, that of the commit, it adds no random serial number.
write_sbom() {
  local copy epoch
  epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  copy=$(mktemp -d)
  cp -a -- Cargo.toml Cargo.lock build.rs benches src tests "${copy}"
  SOURCE_DATE_EPOCH=${epoch} "${tools}/bin/cargo-cyclonedx" cyclonedx --quiet --manifest-path "${copy}/Cargo.toml" \
    --format json --spec-version 1.5 --describe binaries --target "$1"
  sed "s|path+file://${copy}|path+file:///versioner|" -- "${copy}/versioner_bin.cdx.json" >"$2"
  rm -rf -- "${copy}"
}

main "$@"
