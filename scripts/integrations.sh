#!/usr/bin/env bash
# Writes the packages of a release for CI systems, with the SHA-256 of each program:
#
#     scripts/integrations.sh CHECKSUMS DIRECTORY
#
# CHECKSUMS is the release's checksums.txt. DIRECTORY gets a copy of integrations/, and install-TARGET.txt for each
# program: three shell commands that download and verify it. A program without a checksum stays unusable, because the
# packages run nothing that they cannot verify.

set -Eeuo pipefail
shopt -s inherit_errexit

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
readonly url=https://github.com/versioner/action/releases/download

main() {
  (($# == 2)) && [[ -s $1 ]] || fail 'usage: scripts/integrations.sh CHECKSUMS DIRECTORY'
  local sum file target version files packages=$2/integrations
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' "${root}/Cargo.toml")
  [[ ! -e ${packages} ]] || fail "${packages} exists already"
  mkdir -p -- "$2"
  cp -R -- "${root}/integrations" "${packages}"
  while read -r sum file; do
    [[ ${file} == versioner-* && ${file} != *.cdx.json ]] || continue
    [[ ${sum} =~ ^[0-9a-f]{64}$ ]] || fail "this is no SHA-256 of ${file}: ${sum}"
    target=${file#versioner-}
    # With what follows it: one name could be the beginning of another.
    files=$(grep -rlF "SHA256_OF_${target} ;;" -- "${packages}") || fail "integrations/ has no place for ${file}"
    xargs -d '\n' sed -i "s/SHA256_OF_${target//./\\.} ;;/${sum} ;;/" <<<"${files}"
    write_recipe "${version}" "${sum}" "${file}" >"$2/install-${target}.txt"
  done <"$1"
}

# write_recipe VERSION SHA256 FILE
write_recipe() {
  cat <<END
curl -fsSL -o versioner ${url}/v$1/$3
echo '$2  versioner' | sha256sum --check --strict -
chmod 755 versioner
END
}

fail() {
  printf 'integrations: error: %s\n' "$*" >&2
  exit 1
}

main "$@"
