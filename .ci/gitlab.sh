#!/usr/bin/env bash
# Steps for the GitLab component: its schema, and pipelines that use it. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly gitlab_ci_local_version=4.75.1
# What it runs on; the machine's own may be older.
readonly node_version=22.23.3

mirror_url=''
pipeline_status=0

check_gitlab() {
  local half version named
  # Two documents: the inputs, and the jobs.
  awk -v out="${work}/component" '/^---$/ { part = 1; next } { print > (out "-" part + 0 ".yml") }' templates/versioner.yml
  for half in "${work}"/component-{0,1}.yml tests/gitlab/*.yml; do
    "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "${half}"
  done
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' Cargo.toml)
  named=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' templates/versioner.yml | sort -u)
  [[ ${named} == "${version}" ]] || die "templates/versioner.yml is not of version ${version}"
  # The script within, as the shells of most images see it. An input stands for a word.
  sed -n '/^    - |$/,/^    - export/ { /^    - /d; s/^      //; s/\$\[\[[^]]*]]/input/g; p }' "${work}/component-1.yml" \
    >"${work}/component.sh"
  "${tools}/venv/bin/shellcheck" --shell=sh --severity=warning -- "${work}/component.sh"
}

install_gitlab_ci_local() {
  local into=${tools}/gitlab
  type -P npm || die 'install Node.js 20 or later, with npm (https://nodejs.org)'
  if ! grep -qs "\"version\": \"${gitlab_ci_local_version}\"" "${into}/node_modules/gitlab-ci-local/package.json"; then
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "${into}" \
      "gitlab-ci-local@${gitlab_ci_local_version}" "node@${node_version}"
  fi
}

# Pipelines on this machine, without containers, of a project that includes the component of the release files.
test_gitlab() {
  local url key heard mirror=${work}/mirror version
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' Cargo.toml)
  local program=${mirror}/v${version}/versioner-${musl}
  install_gitlab_ci_local
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  start_mirror "${version}"
  local api=(--variable "VERSIONER_API_URL=${url}" --variable "VERSIONER_API_KEY=${key}")
  local mirrored=("${api[@]}" --variable "VERSIONER_DOWNLOAD_URL=${mirror_url}")

  passes recorded "${mirrored[@]}"
  heard=$(told "${url}")
  [[ ${heard} == 'started completed started completed started failed' ]] || die "the API heard: ${heard}"
  says recorded 'by hand' 'the gated job did not run its script'
  grep -q '"GET /v' "${work}/mirror.log" || die 'nothing was downloaded'

  # Included from anywhere, for a GitLab that has no components.
  sed -i "s|https://releases.example|${mirror_url}/v${version}|" -- "${work}/gitlab/remote.yml"
  passes remote "${mirrored[@]}"

  # Rules of the API.
  curl --silent --output "${work}/rule.out" --header 'Content-Type: application/json' "${url}/_sandbox/rules" \
    --data '{"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": 3600}'
  fails blocked "${mirrored[@]}"
  says blocked 'By: freeze (NO_DEPLOY_WINDOW' 'the log does not say what blocks'
  [[ ! -e ${work}/ran ]] || die 'what was blocked was deployed'

  # Another program than the component names does not run; nor does any that it does not name.
  printf '#!/bin/sh\ntouch %q\n' "${work}/ran" >"${program}"
  fails remote "${mirrored[@]}"
  says remote 'is not the program of this release' 'the log does not say what was downloaded'
  cp -- templates/versioner.yml "${mirror}/v${version}/versioner.yml"
  fails remote "${mirrored[@]}"
  says remote 'this component is not of a release' 'the log does not say what is missing'
  [[ ! -e ${work}/ran ]] || die 'what was not verified was run'

  # One that is there already is the user's own choice, and nothing is downloaded.
  rm -- "${program}"
  passes remote "${api[@]}" --variable "VERSIONER_BIN=${static_binary}"
  fails remote "${api[@]}" --variable VERSIONER_BIN=no-such-program
  says remote "'no-such-program' is not there" 'the log does not say what is missing'
  stop_mirror
  stop_sandbox
  printf 'wrapped, gated, failed, blocked, read by a later job; downloaded and verified, included from elsewhere\n'
}

# A place to download a release from: its address is in `mirror_url`.
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

# pipeline NAME ARGUMENT…: runs `NAME.yml` in a project of its own, which holds the component. Its exit status is then in
# `pipeline_status`, its log in NAME.log.
pipeline() {
  local name=$1 project=${work}/gitlab/$1
  shift
  # What an earlier one downloaded lies beside it.
  rm -rf -- "${project}" "${project}.tmp"
  mkdir -p -- "${project}/templates"
  cp -- "${work}/gitlab/${name}.yml" "${project}/.gitlab-ci.yml"
  cp -- "${release_files}/versioner.yml" "${project}/templates/versioner.yml"
  git -C "${project}" init --quiet
  git -C "${project}" remote add origin git@gitlab.example:octo/shop.git
  git -C "${project}" add .
  git -C "${project}" -c user.name=octo -c user.email=octo@example.invalid commit --quiet --message 'A pipeline'
  pipeline_status=0
  # It says that it is not GitLab, and must seem to be. (Its --shell-isolation empties the tree before `after_script`, and
  # with it what a job hands on, which GitLab does not.)
  env --chdir "${project}" -- "PATH=${tools}/gitlab/node_modules/.bin:${PATH}" gitlab-ci-local --force-shell-executor \
    --no-artifacts-to-source --no-color --variable GITLAB_CI=true --ignore-predefined-vars GITLAB_CI \
    --variable "RAN=${work}/ran" "$@" >"${work}/${name}.log" 2>&1 || pipeline_status=$?
}

# passes NAME ARGUMENT…: a pipeline that must pass.
passes() {
  pipeline "$@"
  ((pipeline_status == 0)) || die_with_log "$1" "the pipeline $1 failed"
}

# fails NAME ARGUMENT…: a pipeline that must fail.
fails() {
  pipeline "$@"
  ((pipeline_status != 0)) || die_with_log "$1" "the pipeline $1 did not fail"
}

# says NAME TEXT OTHERWISE: the pipeline's log has this text.
says() {
  grep -qF -- "$2" "${work}/$1.log" || die_with_log "$1" "$3"
}

# die_with_log NAME REASON
die_with_log() {
  sed 's/^/  | /' -- "${work}/$1.log"
  die "$2"
}

# told URL: the statuses that the API has heard, in order.
told() {
  curl --silent "$1/_sandbox/requests" | python3 -c '
import json, sys
print(*(request["body"]["status"] for request in json.load(sys.stdin)))'
}
