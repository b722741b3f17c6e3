#!/usr/bin/env bash
# Steps for the GitLab component: its schema, and a pipeline that uses it. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly gitlab_ci_local_version=4.75.1
# What it runs on; the machine's own may be older.
readonly node_version=22.23.3

check_gitlab() {
  local half
  # Two documents: the inputs, and the jobs.
  awk -v out="${work}/component" '/^---$/ { part = 1; next } { print > (out "-" part + 0 ".yml") }' templates/versioner.yml
  [[ -s ${work}/component-0.yml && -s ${work}/component-1.yml ]] || die 'templates/versioner.yml is not two documents'
  for half in 0 1; do
    "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci \
      "${work}/component-${half}.yml"
  done
  local version
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' Cargo.toml)
  grep -q "/v${version}/versioner-" templates/versioner.yml || die "templates/versioner.yml is not of version ${version}"
}

install_gitlab_ci_local() {
  local into=${tools}/gitlab
  type -P npm || die 'install Node.js 20 or later, with npm (https://nodejs.org)'
  if ! grep -qs "\"version\": \"${gitlab_ci_local_version}\"" "${into}/node_modules/gitlab-ci-local/package.json"; then
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "${into}" \
      "gitlab-ci-local@${gitlab_ci_local_version}" "node@${node_version}"
  fi
}

# A pipeline on this machine, without containers, of a project that includes the component of this checkout.
test_gitlab() {
  local url key heard
  install_gitlab_ci_local
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")

  pipeline recorded "${url}" "${key}"
  ((pipeline_status == 0)) || die 'the pipeline failed'
  heard=$(told "${url}")
  [[ ${heard} == 'started completed started completed' ]] || die "the API heard: ${heard}"
  grep -q 'deployed by hand' "${work}/recorded.log" || die 'the gated job did not run its script'

  curl --silent --output "${work}/rule.out" --header 'Content-Type: application/json' "${url}/_sandbox/rules" \
    --data '{"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": 3600}'
  pipeline blocked "${url}" "${key}"
  ((pipeline_status != 0)) || die 'a blocked deployment did not fail its job'
  grep -q 'By: freeze (NO_DEPLOY_WINDOW' "${work}/blocked.log" || die 'the log does not say what blocks'
  [[ ! -e ${work}/gitlab-blocked/ran ]] || die 'what was blocked was deployed'

  verified_pipelines "${url}" "${key}"
  stop_sandbox
  printf 'wrapped, gated, read by a later job, blocked, downloaded and verified\n'
}

# The program downloaded from a mirror: the one that the component names, and another one, which must not run.
verified_pipelines() {
  local mirror=${work}/mirror file=versioner-${musl} version sum port
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p;T;q' Cargo.toml)
  mkdir -p -- "${mirror}/v${version}"
  cp -- "${static_binary}" "${mirror}/v${version}/${file}"
  sum=$(sha256sum <"${static_binary}")
  python3 -u -m http.server --bind 127.0.0.1 --directory "${mirror}" 0 >"${work}/mirror.log" 2>&1 &
  mirror_pid=$!
  until grep -q ' port ' "${work}/mirror.log"; do sleep 0.1; done
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p;T;q' "${work}/mirror.log")
  local mirrored=(--variable "VERSIONER_DOWNLOAD_URL=http://127.0.0.1:${port}")

  sha256=${sum%% *} pipeline recorded "$1" "$2" "${mirrored[@]}"
  ((pipeline_status == 0)) || die 'the downloaded program did not run'
  printf 'something else' >"${mirror}/v${version}/${file}"
  sha256=${sum%% *} pipeline recorded "$1" "$2" "${mirrored[@]}"
  ((pipeline_status != 0)) || die 'what was downloaded ran although it is not the program'
  grep -q 'is not the program of this release' "${work}/recorded.log" || die 'the log does not say what was downloaded'
  sha256='' pipeline recorded "$1" "$2" "${mirrored[@]}"
  ((pipeline_status != 0)) || die 'a program ran without a SHA-256 to verify it by'
  kill -- "${mirror_pid}"
  mirror_pid=''
}

# pipeline NAME URL KEY [ARGUMENT…]: runs tests/gitlab/NAME.yml in a project of its own, and sets `pipeline_status`. With
# `sha256` set, the program is downloaded, else it is the one that is there already.
pipeline() {
  local name=$1 url=$2 key=$3 project=${work}/gitlab-$1 bin
  shift 3
  rm -rf -- "${project}" "${project}.tmp"
  mkdir -p -- "${project}/templates"
  cp -- "tests/gitlab/${name}.yml" "${project}/.gitlab-ci.yml"
  cp -- templates/versioner.yml "${project}/templates/"
  if [[ -n ${sha256+set} ]]; then
    sed -i "/sha256_x86_64:/,/default:/ s/default: ''/default: '${sha256}'/" "${project}/templates/versioner.yml"
    bin=()
  else
    bin=(--variable "VERSIONER_BIN=${static_binary}")
  fi
  git -C "${project}" init --quiet
  git -C "${project}" remote add origin git@gitlab.example:octo/shop.git
  git -C "${project}" add .
  git -C "${project}" -c user.name=octo -c user.email=octo@example.invalid commit --quiet --message 'A pipeline'
  pipeline_status=0
  (
    cd -- "${project}"
    PATH=${tools}/gitlab/node_modules/.bin:${PATH}
    # It says that it is not GitLab, and must seem to be. (Its --shell-isolation empties the tree before `after_script`, and
    # with it what a job hands on, which GitLab does not.)
    gitlab-ci-local --force-shell-executor --no-artifacts-to-source --no-color \
      --variable GITLAB_CI=true --ignore-predefined-vars GITLAB_CI \
      --variable "VERSIONER_API_URL=${url}" --variable "VERSIONER_API_KEY=${key}" \
      "${bin[@]}" "$@"
  ) >"${work}/${name}.log" 2>&1 || pipeline_status=$?
  cat -- "${work}/${name}.log"
}

# told URL: the statuses that the API has heard, in order.
told() {
  curl --silent "$1/_sandbox/requests" | python3 -c '
import json, sys
requests = json.load(sys.stdin)
print(" ".join(request["body"]["status"] for request in requests))'
}
