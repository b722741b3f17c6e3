#!/bin/sh
# Finds the program for this machine, verifies it, and becomes it, so that signals reach the program itself. Takes what
# the smallest images have. Runs nothing but what checksums.txt names, or VERSIONER_BIN, the user's own choice.
set -uf # Not -e: each failure is dealt with where it happens.

# stop TITLE TEXT…: ends with one annotation, whatever line breaks the text holds.
stop() {
  title=$1 IFS=" $(printf '\t\r\n ')"
  shift
  # shellcheck disable=SC2048,SC2086 # Split on purpose.
  printf '::error title=%s::%s\n' "${title}" "$(printf '%s ' $*)"
  exit 1
}

# Forgets the inputs and the API key: they are none of the business of what is called here.
forget_inputs() {
  IFS='
'
  for line in $(export -p); do
    name=${line%%=*}
    name=${name##* }
    case ${name} in
      *[!A-Za-z0-9_]*) ;;
      INPUT_* | VERSIONER_API_KEY*) unset "${name}" ;;
      *) ;;
    esac
  done
  unset IFS
}

# fetch URL FILE: prints what went wrong.
fetch() {
  if command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 --max-time 300 -o "$2" --url "$1"
  else
    timeout 300 wget -q -O "$2" "$1"
  fi 2>&1
}

# verify FILE ORIGIN: it holds what this release says. By stdin, since an odd name would change what is printed.
verify() {
  case $(command -v sha256sum || command -v shasum) in
    *sha256sum) sum=$(sha256sum <"$1") ;;
    *shasum) sum=$(shasum -a 256 <"$1") ;;
    *) stop 'Versioner cannot be verified' 'There is neither sha256sum nor shasum: install coreutils.' ;;
  esac
  [ "${sum%% *}" = "${wanted}" ] || stop 'Versioner is not what it should be' "$2 was not run: its SHA-256 is" \
    "'${sum%% *}', not ${wanted} as in checksums.txt. Delete it there and run the job again, or find who changed it."
}

# Prints where the verified program is. A subshell, so that its variables reach nobody's deployment.
find_program() (
  forget_inputs
  here=${0%"${0##*/}"} machine=$(uname -sm) url=''
  case ${machine} in
    'Linux x86_64') arch=x64 file=versioner-x86_64-unknown-linux-musl ;;
    'Linux aarch64') arch=arm64 file=versioner-aarch64-unknown-linux-musl ;;
    'Darwin x86_64') arch=x64 file=versioner-x86_64-apple-darwin ;;
    'Darwin arm64') arch=arm64 file=versioner-aarch64-apple-darwin ;;
    MINGW*' x86_64' | MSYS*' x86_64') arch=x64 file=versioner-x86_64-pc-windows-msvc.exe ;;
    *) stop 'No Versioner for this machine' "Build it on '${machine}' (cargo build --release) and set VERSIONER_BIN." ;;
  esac
  program=${here:-./}${file} origin=${here:-./}${file}
  [ -f "${here}checksums.txt" ] || stop 'This is no release of Versioner' 'It is the source, which holds no program.' \
    "Use a release (versioner/action@v1), or build it (cargo build --release) and set VERSIONER_BIN to its path."
  while read -r wanted name && [ "${name}" != "${file}" ]; do :; done <"${here}checksums.txt"
  [ "${#wanted}" = 64 ] || stop 'Versioner cannot be verified' "checksums.txt has no SHA-256 of ${file}: use a release."
  # Who can write beside this script can write this script. Others may write into a cache, so what is verified, and
  # run, is a copy of our own.
  if [ ! -f "${program}" ]; then
    while IFS=' ="' read -r key _ version _ && [ "${key}" != version ]; do :; done <"${here}Cargo.toml"
    cache=${RUNNER_TOOL_CACHE:-/dev/null}/versioner/${version}/${arch} temp=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
    own=$(mktemp -d "${temp}/versioner.XXXXXX") || stop 'Versioner has no temporary directory' "${temp}: see above."
    program=${own}/${file} origin=${cache}/${file}
    if ! cp -- "${origin}" "${program}" 2>/dev/null; then
      url=${VERSIONER_DOWNLOAD_URL:-https://github.com/versioner/action/releases/download}/v${version}/${file}
      origin=${url##*@} # Without a mirror's password.
      said=$(fetch "${url}" "${program}") || stop 'Versioner cannot be downloaded' "${origin}: ${said:-no reply}." \
        'It takes curl, or wget and timeout; HTTPS_PROXY helps. Or set VERSIONER_DOWNLOAD_URL to a mirror, or put the' \
        "file into the runner's tool cache, as the README says."
    fi
    chmod +x -- "${program}"
  fi
  verify "${program}" "${origin}"
  # For the next job, in one piece. A cache that is none, or cannot be written to, does no harm.
  if [ -n "${url}" ] && mkdir -p -- "${cache}" && cp -- "${program}" "${cache}/${own##*/}"; then
    mv -f -- "${cache}/${own##*/}" "${cache}/${file}"
  fi 2>/dev/null
  printf '%s' "${program}"
)

if [ -n "${VERSIONER_BIN:-}" ]; then
  versioner_program=$(command -v "${VERSIONER_BIN}")
else
  versioner_program=$(find_program) || { printf '%s\n' "${versioner_program}" && exit 1; }
fi
[ -f "${versioner_program}" ] && [ -x "${versioner_program}" ] || stop 'Versioner cannot be run' \
  "'${VERSIONER_BIN:-${versioner_program}}' is not there, or cannot be executed."
exec "${versioner_program}" "$@"
