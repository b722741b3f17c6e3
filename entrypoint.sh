#!/bin/sh
# Finds, verifies and execs the versioner binary for this machine; exec lets signals reach it. Runs only what
# checksums.txt lists, or VERSIONER_BIN, the user's own choice. POSIX sh and few tools, to work in minimal images.
set -uf # Not -e: every failure is handled where it occurs.

# one_line TEXT…: prints the text without line breaks, because each line could start a workflow command.
one_line() (
  IFS=" $(printf '\t\r\n ')"
  # shellcheck disable=SC2048,SC2086 # Splits on purpose.
  set -- $* && printf '%s\n' "$*"
)

# fail TITLE TEXT…: prints one error annotation and exits.
fail() {
  title=$1 && shift && one_line "::error title=${title}::$*"
  exit 1
}

# Unsets the inputs and the API key, because the tools called here must not see them.
unset_inputs() {
  for word in $(export -p); do
    case ${word%%=*} in
      *[!A-Za-z0-9_]*) ;;
      INPUT_* | PLUGIN_* | VERSIONER_API_KEY*) unset "${word%%=*}" ;;
      *) ;;
    esac
  done
}

# download URL FILE: prints what went wrong.
download() {
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "$2" --url "$1"
  else
    timeout 300 wget -q -O "$2" "$1"
  fi 2>&1
}

# verify FILE ORIGIN: fails unless FILE has the expected SHA-256. Reads stdin, since odd file names change the output.
verify() {
  case $(command -v sha256sum || command -v shasum) in
    *sha256sum) sum=$(sha256sum <"$1") ;;
    *shasum) sum=$(shasum -a 256 <"$1") ;;
    *) fail 'Cannot verify versioner' 'Neither sha256sum nor shasum is installed. Install coreutils.' ;;
  esac
  [ "${sum%% *}" = "${expected}" ] || fail 'Checksum mismatch' "$2 was not run. Its SHA-256 is '${sum%% *}', but" \
    "checksums.txt lists ${expected}. Delete the file and re-run the job. If this recurs, find out who changed it."
}

# Prints the path of the verified binary. A subshell keeps its variables out of the binary's environment.
find_binary() (
  unset_inputs
  here=${0%"${0##*/}"} machine=$(uname -sm) url=''
  case ${machine} in
    'Linux x86_64') arch=x64 file=versioner-x86_64-unknown-linux-musl ;;
    'Linux aarch64') arch=arm64 file=versioner-aarch64-unknown-linux-musl ;;
    'Darwin x86_64') arch=x64 file=versioner-x86_64-apple-darwin ;;
    'Darwin arm64') arch=arm64 file=versioner-aarch64-apple-darwin ;;
    MINGW*' x86_64' | MSYS*' x86_64') arch=x64 file=versioner-x86_64-pc-windows-msvc.exe ;;
    *) fail 'Unsupported platform' "No binary for '${machine}'. Run cargo build --release and set VERSIONER_BIN." ;;
  esac
  binary=${here:-./}${file} origin=${here:-./}${file}
  [ -f "${here}checksums.txt" ] || fail 'Not a release of versioner/action' 'This is a checkout of the source: it has' \
    'no checksums.txt. Use versioner/action@v1, or run cargo build --release and set VERSIONER_BIN to the binary.'
  while read -r expected name && [ "${name}" != "${file}" ]; do :; done <"${here}checksums.txt"
  [ "${#expected}" = 64 ] || fail 'Cannot verify versioner' "checksums.txt has no SHA-256 of ${file}. Use a release."
  # Anyone who can write here can change this script. More can write to the cache: verify and run a private copy.
  if [ ! -f "${binary}" ]; then
    while IFS=' ="' read -r key _ version _ && [ "${key}" != version ]; do :; done <"${here}Cargo.toml"
    cache=${RUNNER_TOOL_CACHE:-/dev/null}/versioner/${version}/${arch} temp=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
    private=$(mktemp -d "${temp}/versioner.XXXXXX") || fail 'Cannot create a temporary directory' \
      "mktemp failed in ${temp}. Set RUNNER_TEMP, or TMPDIR, to a writable directory."
    binary=${private}/${file} origin=${cache}/${file}
    if ! cp -- "${origin}" "${binary}" 2>/dev/null; then
      url=${VERSIONER_DOWNLOAD_URL:-https://github.com/versioner/action/releases/download}/v${version}/${file}
      origin=${url##*@} # Without a mirror's password.
      error=$(download "${url}" "${binary}") || fail 'Cannot download versioner' "${origin}: ${error:-no response}." \
        'Install curl, or wget and timeout. Set HTTPS_PROXY if the runner needs a proxy. Without internet access, set' \
        "VERSIONER_DOWNLOAD_URL to a mirror, or put the file into the runner's tool cache: see the README."
    fi
    chmod +x -- "${binary}"
  fi
  verify "${binary}" "${origin}"
  # Cache it for later jobs, by an atomic rename. A missing or read-only cache is not an error.
  if [ -n "${url}" ] && mkdir -p -- "${cache}" && cp -- "${binary}" "${cache}/${private##*/}"; then
    mv -f -- "${cache}/${private##*/}" "${cache}/${file}"
  fi 2>/dev/null
  printf '%s' "${binary}"
)

if [ -n "${VERSIONER_BIN:-}" ]; then
  versioner_binary=$(command -v "${VERSIONER_BIN}")
else
  versioner_binary=$(find_binary) || { printf '%s\n' "${versioner_binary}" && exit 1; }
fi
[ -f "${versioner_binary}" ] && [ -x "${versioner_binary}" ] || fail 'Cannot run versioner' \
  "'${VERSIONER_BIN:-${versioner_binary}}' does not exist or is not executable. Run chmod +x on it, or set VERSIONER_BIN to another."
[ -z "${VERSIONER_BIN:-}" ] || one_line "versioner: running ${versioner_binary} (VERSIONER_BIN), not verified" >&2
exec "${versioner_binary}" "$@"
