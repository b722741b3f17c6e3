#!/usr/bin/env bash
# Steps that check the GitLab component and run pipelines that use it. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Shares variables with `run` and the files that it sources.
set -Eeuo pipefail

readonly gitlab_ci_local_version=4.75.1
# gitlab-ci-local runs on this version of Node.js. The installed one may be too old.
readonly node_version=22.23.3

mirror_url=''
pipeline_status=0

check_gitlab() {
  local half version versions
  # The file has two YAML documents: the inputs, and the jobs.
  awk -v out="${work}/component" '/^---$/ { part = 1; next } { print > (out "-" part + 0 ".yml") }' templates/versioner.yml
  for half in "${work}"/component-{0,1}.yml tests/gitlab/*.yml examples/gitlab-*.yml; do
    "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "${half}"
  done
  version=$(cargo_version)
  versions=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' templates/versioner.yml | sort -u)
  [[ ${versions} == "${version}" ]] || die "templates/versioner.yml does not name version ${version} alone"
  # Checks the script in `before_script` as POSIX sh, with each input replaced by a word.
  sed -n '1,/^    - export/ { /^    - |$/,$ { /^    - /d; s/^      //; s/\$\[\[[^]]*]]/input/g; p } }' \
    "${work}/component-1.yml" >"${work}/component.sh"
  grep -q 'ln -sf' "${work}/component.sh" || die 'no script was found in templates/versioner.yml'
  "${tools}/venv/bin/shellcheck" --shell=sh --severity=warning -- "${work}/component.sh"
}

cargo_version() {
  sed -n 's/^version = "\(.*\)"$/\1/p;T;q' Cargo.toml
}

install_gitlab_ci_local() {
  local into=${tools}/gitlab
  type -P npm || die 'npm is not installed: install Node.js 20 or later (https://nodejs.org)'
  if ! grep -qs "\"version\": \"${gitlab_ci_local_version}\"" "${into}/node_modules/gitlab-ci-local/package.json"; then
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "${into}" \
      "gitlab-ci-local@${gitlab_ci_local_version}" "node@${node_version}"
  fi
}

# Runs pipelines on this machine, without containers. Each project includes the component from the release files.
test_gitlab() {
  local url key version statuses mirror=${work}/mirror
  version=$(cargo_version)
  install_gitlab_ci_local
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  start_mirror "${version}"
  local api=(--variable "VERSIONER_API_URL=${url}" --variable "VERSIONER_API_KEY=${key}")
  local mirrored=("${api[@]}" --variable "VERSIONER_DOWNLOAD_URL=${mirror_url}")

  expect_success outcomes "${mirrored[@]}"
  statuses=$(sent_statuses "${url}")
  [[ ${statuses} == 'started completed started completed started failed' ]] || die "the API received: ${statuses}"
  expect_log outcomes 'deployed after the gate'
  grep -q '"GET /v' "${work}/mirror.log" || die 'the component downloaded nothing'

  expect_success stale-reports "${mirrored[@]}"

  # As a remote include, for GitLab versions without components.
  sed -i "s|https://releases.example|${mirror_url}/v${version}|" -- "${work}/gitlab/remote.yml"
  expect_success remote "${mirrored[@]}"

  test_gitlab_examples "${url}"

  curl --silent --output "${work}/rule.out" --header 'Content-Type: application/json' "${url}/_sandbox/rules" \
    --data '{"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": 3600}'
  expect_failure blocked "${mirrored[@]}"
  # The runner leaves out the title of a section.
  expect_log blocked 'Rule: freeze'
  [[ ! -e ${work}/deployed ]] || die 'a blocked deployment ran'

  test_gitlab_verification "${version}"
  stop_mirror
  stop_sandbox
  printf 'tested: outcomes, outputs of earlier jobs, stale reports, examples, blocks, remote include, verification\n'
}

# test_gitlab_examples URL: runs each pipeline of examples/, with the component of the release files. Uses variables
# of `test_gitlab`.
test_gitlab_examples() {
  local example name
  mkdir -p -- "${work}/bin"
  ln -sf -- "${static_binary}" "${work}/bin/versioner"
  for example in examples/gitlab-*.yml; do
    name=$(basename -- "${example}" .yml)
    # shellcheck disable=SC2016 # GitLab expands these variables.
    sed -e 's|versioner/action/versioner@.*|$CI_PROJECT_PATH/versioner@$CI_COMMIT_SHA|' \
      -e "s|https://github.com/versioner/action/releases/download|${mirror_url}|" -- "${example}" >"${work}/gitlab/${name}.yml"
    curl --silent --request DELETE "$1/_sandbox/requests"
    # The example without the component needs the program on the PATH.
    PATH=${work}/bin:${PATH} expect_success "${name}" "${mirrored[@]}"
    statuses=$(sent_statuses "$1")
    [[ ${statuses} == 'started completed' ]] || die_with_log "${name}" "${example}: the API received: ${statuses}"
    expect_log "${name}" 'deploy.sh ran'
  done
}

# test_gitlab_verification VERSION: the component runs only the program that it has a checksum of, or VERSIONER_BIN.
# Uses variables of `test_gitlab`.
test_gitlab_verification() {
  local program=${mirror}/v$1/versioner-${musl}
  printf '#!/bin/sh\ntouch %q\n' "${work}/deployed" >"${program}"
  expect_failure remote "${mirrored[@]}"
  expect_log remote 'checksum mismatch'
  cp -- templates/versioner.yml "${mirror}/v$1/versioner.yml"
  expect_failure remote "${mirrored[@]}"
  expect_log remote 'this component is not from a release'
  [[ ! -e ${work}/deployed ]] || die 'an unverified program ran'

  # VERSIONER_BIN is the user's own choice: it is not verified, and nothing is downloaded.
  rm -- "${program}"
  expect_success remote "${api[@]}" --variable "VERSIONER_BIN=${static_binary}"
  expect_log remote "versioner: running ${static_binary} (VERSIONER_BIN or the input bin), not verified"
  expect_failure remote "${api[@]}" --variable VERSIONER_BIN=no-such-program
  expect_log remote "cannot run 'no-such-program'"
}

# start_mirror VERSION: serves the release files. Sets `mirror_url` and `mirror_pid`.
start_mirror() {
  local port
  mkdir -p -- "${mirror}/v$1" "${work}/gitlab"
  cp -- tests/gitlab/*.yml "${work}/gitlab/"
  cp -- "${release_files}"/versioner* "${mirror}/v$1/"
  python3 -u -m http.server --bind 127.0.0.1 --directory "${mirror}" 0 >"${work}/mirror.log" 2>&1 &
  mirror_pid=$!
  for _ in {1..100}; do
    port=$(grep -so -m 1 ' port [0-9]*' "${work}/mirror.log" | tr -dc '0-9' || true)
    [[ -z ${port} ]] || break
    sleep 0.1
  done
  [[ -n ${port} ]] || die 'the mirror did not start within 10 seconds'
  mirror_url=http://127.0.0.1:${port}
}

stop_mirror() {
  kill -- "${mirror_pid}"
  wait "${mirror_pid}" || true
  mirror_pid=''
}

# run_pipeline NAME ARGUMENT…: runs NAME.yml in a new project that holds the component. Sets `pipeline_status`, and
# writes NAME.log.
run_pipeline() {
  local name=$1 project=${work}/gitlab/$1
  shift
  # The component downloads to PROJECT.tmp.
  rm -rf -- "${project}" "${project}.tmp"
  mkdir -p -- "${project}/templates"
  cp -- "${work}/gitlab/${name}.yml" "${project}/.gitlab-ci.yml"
  cp -- "${release_files}/versioner.yml" "${project}/templates/versioner.yml"
  # shellcheck disable=SC2016 # The scripts expand it.
  printf '#!/bin/sh\necho "$0 ran"\n' | tee -- "${project}/deploy.sh" >"${project}/migrate.sh"
  chmod 755 -- "${project}/deploy.sh" "${project}/migrate.sh"
  git -C "${project}" init --quiet
  git -C "${project}" remote add origin git@gitlab.example:octo/shop.git
  git -C "${project}" add .
  git -C "${project}" -c user.name=octo -c user.email=octo@example.invalid commit --quiet --message 'A pipeline'
  pipeline_status=0
  # gitlab-ci-local sets GITLAB_CI to false. It also runs all jobs in one directory: --concurrency keeps them apart.
  # (Its --shell-isolation would delete the reports before `after_script`, which GitLab does not.)
  env --chdir "${project}" -- "PATH=${tools}/gitlab/node_modules/.bin:${PATH}" gitlab-ci-local --force-shell-executor \
    --no-artifacts-to-source --no-color --concurrency 1 --variable GITLAB_CI=true --ignore-predefined-vars GITLAB_CI \
    --variable "DEPLOYED=${work}/deployed" "$@" >"${work}/${name}.log" 2>&1 || pipeline_status=$?
}

# expect_success NAME ARGUMENT…: runs a pipeline that must succeed.
expect_success() {
  run_pipeline "$@"
  ((pipeline_status == 0)) || die_with_log "$1" "the pipeline $1 failed"
}

# expect_failure NAME ARGUMENT…: runs a pipeline that must fail.
expect_failure() {
  run_pipeline "$@"
  ((pipeline_status != 0)) || die_with_log "$1" "the pipeline $1 did not fail"
}

# expect_log NAME TEXT: the pipeline's log must contain this text.
expect_log() {
  grep -qF -- "$2" "${work}/$1.log" || die_with_log "$1" "the log of the pipeline $1 does not contain: $2"
}

# die_with_log NAME REASON: prints the pipeline's log and ends the run.
die_with_log() {
  sed 's/^/  | /' -- "${work}/$1.log"
  die "$2"
}

# sent_statuses URL: the statuses of the events that the API received, in order.
sent_statuses() {
  curl --silent "$1/_sandbox/requests" | python3 -c '
import json, sys
print(*(request["body"]["status"] for request in json.load(sys.stdin)))'
}
