#!/usr/bin/env bash
# Builds the image and runs it as a plugin and as a pipe, in its own root directory. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

check_image() {
  local again digest arch layout=${work}/image
  "${tools}/venv/bin/hadolint" --no-color -- Dockerfile
  export RELEASE_TOOLS=${tools}/release
  digest=$(scripts/image.sh "${release_files}" "${layout}")
  again=$(scripts/image.sh "${release_files}" "${work}/image-again")
  [[ ${digest} == "${again}" ]] || die "two builds of the image differ: ${digest}, ${again}"
  printf '%s\n' "${digest}"
  for arch in amd64 arm64; do
    unpack_image "${layout}" "${arch}"
  done
  if [[ ${EUID} != 0 ]]; then
    note 'SKIPPED: the image in its own root directory: needs root'
    return
  fi
  # The image for arm64 needs it. It is registered before the test of the programs for aarch64.
  register_emulator
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  for arch in amd64 arm64; do
    test_plugin "${work}/image-${arch}"
  done
  test_pipe "${work}/image-amd64"
  stop_sandbox
}

# unpack_image LAYOUT ARCHITECTURE: unpacks the only layer to image-ARCHITECTURE, and checks what the image contains.
unpack_image() {
  local layer directory=${work}/image-$2 files
  layer=$(
    python3 - "$@" <<'PYTHON'
import json, pathlib, sys
layout, wanted = pathlib.Path(sys.argv[1]), sys.argv[2]
def blob(descriptor):
    return layout / "blobs" / descriptor["digest"].replace(":", "/")
def read(descriptor):
    return json.loads(blob(descriptor).read_text())
[index] = json.loads((layout / "index.json").read_text())["manifests"]
manifests = {it["platform"]["architecture"]: it for it in read(index)["manifests"]}
assert sorted(manifests) == ["amd64", "arm64"], manifests
manifest = read(manifests[wanted])
config = read(manifest["config"])
assert (config["os"], config["architecture"]) == ("linux", wanted), config
assert config["config"]["Entrypoint"] == ["/versioner"], config
[layer] = manifest["layers"]
print(blob(layer))
PYTHON
  )
  mkdir -p -- "${directory}"
  tar --extract --gzip --file "${layer}" --directory "${directory}"
  files=$(cd -- "${directory}" && find . -type f | sort)
  [[ ${files} == $'./etc/ssl/certs/ca-certificates.crt\n./versioner' ]] || die "the image contains: ${files}"
}

# test_plugin ROOT: the steps of the example in integrations/woodpecker/docs.md, which share a workspace.
test_plugin() {
  local statuses step=(CI=woodpecker CI_REPO=octo/shop CI_COMMIT_SHA=0123456789abcdef0123456789abcdef01234567
    CI_PIPELINE_NUMBER=7 CI_REPO_ID=1 CI_WORKFLOW_NUMBER=1 CI_WORKFLOW_NAME=deploy CI_SYSTEM_URL=https://ci.example
    "PLUGIN_API_URL=${url}" "PLUGIN_API_KEY=${key}" PLUGIN_SPOOL_DIR=.versioner)
  curl --silent --request DELETE --output "${work}/image.out" "${url}/_sandbox/requests"
  mkdir -p -- "$1/workspace"
  in_image "$1" "${step[@]}" PLUGIN_ENVIRONMENT=production PLUGIN_STATUS=started PLUGIN_ON_BLOCK=wait
  in_image "$1" "${step[@]}" PLUGIN_COMMAND=finish CI_PIPELINE_STATUS=failure
  statuses=$(sent_statuses "${url}")
  [[ ${statuses} == 'started failed' ]] || die "the plugin reported: ${statuses}"
}

# test_pipe ROOT: the pipes of the example in integrations/bitbucket/README.md.
test_pipe() {
  local statuses
  local step=(BITBUCKET_BUILD_NUMBER=7 BITBUCKET_REPO_FULL_NAME=octo/shop 'BITBUCKET_STEP_UUID={5f3a0001}'
    BITBUCKET_COMMIT=0123456789abcdef0123456789abcdef01234567 BITBUCKET_STEP_RUN_NUMBER=1 'BITBUCKET_PIPELINE_UUID={5f3a0002}'
    "VERSIONER_API_URL=${url}" "VERSIONER_API_KEY=${key}" VERSIONER_SPOOL_DIR=/workspace/.versioner)
  curl --silent --request DELETE --output "${work}/image.out" "${url}/_sandbox/requests"
  in_image "$1" "${step[@]}" VERSIONER_ENVIRONMENT=production VERSIONER_STATUS=started
  in_image "$1" "${step[@]}" VERSIONER_COMMAND=finish VERSIONER_STATUS=success
  in_image "$1" "${step[@]}" VERSIONER_COMMAND=finish VERSIONER_STATUS=failed
  statuses=$(sent_statuses "${url}")
  [[ ${statuses} == 'started completed' ]] || die "the pipe reported: ${statuses}"
}

# in_image ROOT VARIABLE…: runs the image's entrypoint in its workspace, with these variables and no others.
in_image() {
  local unshare root_directory=$1
  shift
  # An absolute path, as the empty environment has no PATH.
  unshare=$(type -P unshare)
  env -i -- "$@" "${unshare}" --mount --root "${root_directory}" --wd /workspace /versioner
}
