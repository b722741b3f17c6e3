#!/usr/bin/env bash
# Builds the image that the Dockerfile describes, for linux/amd64 and linux/arm64, without a container engine:
#
#     scripts/image.sh RELEASE-FILES DIRECTORY
#
# DIRECTORY becomes an OCI layout with one index, whose digest is printed. `crane push --index` uploads it. Builds are
# reproducible: the same release files and the same commit give the same digest.
#
# Needs Go, git, Python's venv and GNU tar. Keeps tools in target/release-tools, or in RELEASE_TOOLS.

set -Eeuo pipefail
shopt -s inherit_errexit

readonly crane_version=v0.20.6
readonly platforms=(x86_64-unknown-linux-musl=linux/amd64 aarch64-unknown-linux-musl=linux/arm64)

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root
tools=${RELEASE_TOOLS:-${root}/target/release-tools}
registry_pid=''
scratch=''

trap stop EXIT
trap '[[ ! -s ${scratch}/log ]] || cat -- "${scratch}/log" >&2' ERR

main() {
  (($# == 2)) && [[ -d $1 && ! -e $2 ]] || fail 'usage: scripts/image.sh RELEASE-FILES NEW-DIRECTORY'
  local pair manifests=()
  scratch=$(mktemp -d)
  mkdir -p -- "${tools}"
  install_crane
  install_certificates
  start_registry
  local image=${registry}/versioner
  for pair in "${platforms[@]}"; do
    build "$1" "${pair%=*}" "${pair#*=}" "${image}:${pair##*/}"
    manifests+=(--manifest "${image}:${pair##*/}")
  done
  "${tools}/bin/crane" index append "${manifests[@]}" --tag "${image}:index" >"${scratch}/log" 2>&1
  "${tools}/bin/crane" pull --format oci "${image}:index" "$2"
  "${tools}/bin/crane" digest "${image}:index"
}

# build FILES TARGET PLATFORM IMAGE: follows the Dockerfile.
build() {
  local instruction first second third context version entrypoint='' layer=${scratch}/$2
  mkdir -p -- "${layer}"
  while read -r instruction first second third; do
    case "${instruction} ${first}" in
      '# '* | '#'* | 'FROM scratch' | 'ARG TARGET='*) ;;
      'COPY --chmod='*)
        second=${second//\$\{TARGET\}/$2}
        context=$1
        [[ ${second} != ca-certificates.crt ]] || context=${scratch}
        install -D --mode "${first#--chmod=}" -- "${context}/${second}" "${layer}${third}"
        ;;
      'ENTRYPOINT ["'*'"]') entrypoint=${first:2:-2} ;;
      *) fail "this script does not know the instruction ${instruction} ${first} in the Dockerfile" ;;
    esac
  done <"${root}/Dockerfile"
  tar --create --file "${layer}.tar" --directory "${layer}" --sort name --mtime @0 --owner 0 --group 0 --numeric-owner \
    --mode go-w --format ustar -- .
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' "${root}/Cargo.toml")
  "${tools}/bin/crane" append --oci-empty-base --new_layer "${layer}.tar" --new_tag "$4" >"${scratch}/log" 2>&1
  "${tools}/bin/crane" mutate --entrypoint "${entrypoint}" --set-platform "$3" --tag "$4" \
    --label "org.opencontainers.image.source=https://github.com/versioner/action" \
    --label "org.opencontainers.image.version=${version}" \
    --label 'org.opencontainers.image.licenses=MIT OR Apache-2.0' "$4" >"${scratch}/log" 2>&1
}

install_crane() {
  local file=${tools}/bin/crane installed=''
  [[ ! -x ${file} ]] || installed=$(go version -m -- "${file}")
  if [[ ${installed} != *$'\tmod\tgithub.com/google/go-containerregistry\t'"${crane_version}"$'\t'* ]]; then
    GOBIN=${tools}/bin GOFLAGS='-modcacherw -trimpath' \
      go install "github.com/google/go-containerregistry/cmd/crane@${crane_version}"
  fi
}

install_certificates() {
  local venv=${tools}/certificates wanted=${root}/scripts/image-requirements.txt
  if ! cmp --silent -- "${wanted}" "${venv}/installed.txt"; then
    rm -rf -- "${venv}"
    python3 -m venv "${venv}"
    "${venv}/bin/pip" install --quiet --require-hashes --only-binary :all: --requirement "${wanted}"
    cp -- "${wanted}" "${venv}/installed.txt"
  fi
  "${venv}/bin/python" -c 'import certifi; print(certifi.contents(), end="")' >"${scratch}/ca-certificates.crt"
}

# Sets `registry` and `registry_pid`. The registry keeps everything in memory.
start_registry() {
  local port='' log=${scratch}/registry.log
  # The loop may read it before the registry has opened it.
  : >"${log}"
  "${tools}/bin/crane" registry serve --address 127.0.0.1:0 >>"${log}" 2>&1 &
  registry_pid=$!
  for _ in {1..100}; do
    port=$(sed -n 's/.*serving on port \([0-9]*\).*/\1/p; s/.*serving on .*:\([0-9]*\)$/\1/p' "${log}" | head -n 1)
    [[ -z ${port} ]] || break
    sleep 0.1
  done
  [[ -n ${port} ]] || fail "the registry did not start: $(<"${log}")"
  registry=127.0.0.1:${port}
}

stop() {
  [[ -z ${registry_pid} ]] || kill -- "${registry_pid}"
  [[ -z ${scratch} ]] || rm -rf -- "${scratch}"
}

fail() {
  printf 'image: error: %s\n' "$*" >&2
  exit 1
}

main "$@"
