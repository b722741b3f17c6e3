#!/bin/sh
# Puts the released `versioner` into a directory: `sh install.sh DIRECTORY`. Runs only what has the SHA-256 below, or
# VERSIONER_BIN, the user's own choice. POSIX sh, as images may lack bash. The packages for CI systems contain a copy.
# shellcheck disable=SC2310 # `verified` handles its failures.
set -eu
fail() {
  printf 'versioner: error: %s\n' "$*" >&2
  exit 1
}
# verified FILE: succeeds if the file exists and has the expected SHA-256. Sets `actual`.
verified() {
  [ -f "$1" ] || return 1
  case $(command -v sha256sum || command -v shasum) in
    *sha256sum) actual=$(sha256sum <"$1") ;;
    *shasum) actual=$(shasum -a 256 <"$1") ;;
    *) fail 'cannot verify the program: neither sha256sum nor shasum is installed. Install coreutils.' ;;
  esac
  actual=${actual%% *}
  [ "${actual}" = "${expected}" ]
}
machine=$(uname -sm)
case ${machine} in
  'Linux x86_64') file=versioner-x86_64-unknown-linux-musl expected=SHA256_OF_x86_64-unknown-linux-musl ;;
  'Linux aarch64') file=versioner-aarch64-unknown-linux-musl expected=SHA256_OF_aarch64-unknown-linux-musl ;;
  'Darwin x86_64') file=versioner-x86_64-apple-darwin expected=SHA256_OF_x86_64-apple-darwin ;;
  'Darwin arm64') file=versioner-aarch64-apple-darwin expected=SHA256_OF_aarch64-apple-darwin ;;
  MINGW*' x86_64' | MSYS*' x86_64') file=versioner-x86_64-pc-windows-msvc.exe expected=SHA256_OF_x86_64-pc-windows-msvc.exe ;;
  *) file='' expected='' ;;
esac
mkdir -p -- "$1"
case ${file} in *.exe) program=$1/versioner.exe ;; *) program=$1/versioner ;; esac
if [ -n "${VERSIONER_BIN:-}" ]; then
  found=$(command -v "${VERSIONER_BIN}") || fail "cannot run '${VERSIONER_BIN}' (VERSIONER_BIN): it does not exist or is not executable."
  printf 'versioner: running %s (VERSIONER_BIN), not verified\n' "${found}"
  case ${found} in /*) ;; *) found=${PWD}/${found} ;; esac
  ln -sf -- "${found}" "$1/versioner"
elif ! verified "${program}"; then
  [ -n "${file}" ] || fail "no binary for '${machine}'. Build one (cargo build --release) and set VERSIONER_BIN to its path."
  [ "${#expected}" = 64 ] || fail 'this is not from a release: it has no SHA-256 of the program. Use a release, or set VERSIONER_BIN.'
  url=${VERSIONER_DOWNLOAD_URL:-https://github.com/versioner/action/releases/download}/v1.0.0/${file}
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "${program}.$$" --url "${url}"
  else
    wget -q -T 60 -O "${program}.$$" "${url}"
  fi || fail "cannot download ${url##*@}: see above. Set HTTPS_PROXY if the runner needs a proxy, or VERSIONER_DOWNLOAD_URL to use a mirror."
  verified "${program}.$$" || fail "checksum mismatch: ${url##*@} was not run. Its SHA-256 is ${actual}, not ${expected}."
  chmod 755 "${program}.$$"
  mv -f -- "${program}.$$" "${program}"
fi
