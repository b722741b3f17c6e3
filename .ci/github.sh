#!/usr/bin/env bash
# Steps for the GitHub Action and our own workflows. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # `run` and its other parts set and use what is not set or used here.
set -Eeuo pipefail

readonly act_version=v0.2.89
readonly actionlint_version=v1.7.12
readonly action_validator_version=0.6.0

# Each by itself says what the others do not: zizmor what is unsafe, actionlint what an expression gets wrong, the schemas
# what GitHub would not take.
check_workflows() {
  local workflows=(.github/workflows/*.yml tests/act/workflows/*.yml) file
  install_go_program github.com/rhysd/actionlint "${actionlint_version}" /cmd/actionlint
  install_action_validator
  # It calls shellcheck for the scripts within. zizmor sees what runs on GitHub, not what is written as people write it.
  PATH=${tools}/venv/bin:${PATH} actionlint -color=false -- "${workflows[@]}"
  "${tools}/venv/bin/zizmor" --offline --no-progress --color never --persona auditor --config .github/zizmor.yml -- \
    action.yml .github
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}"
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
  for file in action.yml "${workflows[@]}"; do
    # This schema is older than that permission.
    sed '/^ *attestations: write/d' -- "${file}" >"${work}/${file##*/}"
    "${tools}/npm/node_modules/.bin/action-validator" "${work}/${file##*/}" || die "action-validator: ${file}"
  done
  printf '%d workflows and action.yml\n' "${#workflows[@]}"
}

# The Action with the program that is shipped: by a real runner, and its step as GitHub treats it.
test_action() {
  install_go_program github.com/nektos/act "${act_version}"
  cargo test --locked --test act --test action --no-run
  VERSIONER_TEST_BIN="${static_binary}" counted timeout "${test_limit}" cargo test --locked --test act -- --test-threads=1
  VERSIONER_TEST_BIN="${static_binary}" counted timeout "${test_limit}" cargo test --locked --test action -- step:: cancelled::
}

# install_go_program MODULE VERSION [PACKAGE]
install_go_program() {
  local file=${tools}/bin/${1##*/} installed=''
  type -P go || die 'install Go 1.25 or later (https://go.dev/dl)'
  [[ ! -x ${file} ]] || installed=$(go version -m -- "${file}")
  if [[ ${installed} != *$'\tmod\t'"$1"$'\t'"$2"$'\t'* ]]; then
    GOBIN=${tools}/bin GOPATH=${tools}/go GOFLAGS='-modcacherw -trimpath' go install "$1${3:-}@$2"
  fi
}

install_action_validator() {
  local into=${tools}/npm wanted=${action_validator_version}
  type -P npm || die 'install Node.js 20 or later, with npm (https://nodejs.org)'
  if ! grep -qs "\"version\": \"${wanted}\"" "${into}/node_modules/@action-validator/cli/package.json"; then
    npm install --silent --no-audit --no-fund --ignore-scripts --no-package-lock --prefix "${into}" \
      "@action-validator/core@${wanted}" "@action-validator/cli@${wanted}"
  fi
}

# What the shell costs that finds and verifies the program: of the Action with the release's own files.
measure_entrypoint() {
  local url key action=${work}/action alone through
  mkdir -p -- "${action}"
  cp -- action.yml entrypoint.sh Cargo.toml "${release_files}"/* "${action}/"
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  local event=(env -i "PATH=${PATH}" "INPUT_API_URL=${url}" "INPUT_API_KEY=${key}" INPUT_PRODUCT_NAME=shop
    INPUT_VERSION=1.4.2 INPUT_ENVIRONMENT=staging INPUT_STATUS=auto)
  alone=$(timed "${event[@]}" "${action}/versioner-${musl}")
  through=$(timed "${event[@]}" sh "${action}/entrypoint.sh")
  stop_sandbox
  awk -v events="${events}" -v alone="${alone}" -v through="${through}" 'BEGIN {
    printf "an event by the program alone: %.1f ms; through entrypoint.sh: %.1f ms\n",
      alone / 1000 / events, through / 1000 / events
  }'
}
