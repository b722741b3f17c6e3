#!/usr/bin/env bash
# Checks of the GitHub Action and of this project's workflows. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly act_version=v0.2.89
readonly actionlint_version=v1.7.12
readonly action_validator_version=0.6.0

# Each linter finds something that the others do not: zizmor insecure settings, actionlint wrong expressions, the
# schemas files that GitHub would reject.
check_workflows() {
  local workflows=(.github/workflows/*.yml tests/act/workflows/*.yml examples/github-*.yml) file form
  install_go_program github.com/rhysd/actionlint "${actionlint_version}" /cmd/actionlint
  install_action_validator
  # actionlint finds shellcheck on the PATH and runs it on the scripts in workflows. zizmor checks only what runs on
  # GitHub: the workflows in tests/act are written the way users write theirs.
  PATH=${tools}/venv/bin:${PATH} actionlint -color=false -- "${workflows[@]}"
  "${tools}/venv/bin/zizmor" --offline --no-progress --color never --persona auditor --config .github/zizmor.yml -- \
    action.yml deploy/action.yml .github
  "${tools}/venv/bin/zizmor" --offline --no-progress --color never --config .github/zizmor-examples.yml -- \
    examples/github-*.yml
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml deploy/action.yml
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}"
  "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
  for form in .github/ISSUE_TEMPLATE/*.yml; do
    if [[ ${form} == */config.yml ]]; then
      "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-issue-config "${form}"
    else
      "${tools}/venv/bin/check-jsonschema" --builtin-schema vendor.github-issue-forms "${form}"
    fi
  done
  check_other_pipelines
  for file in action.yml "${workflows[@]}"; do
    # The validator's schema does not know these keys yet.
    sed '/^ *attestations: write/d; /^ *deployment: false/d' -- "${file}" >"${work}/${file##*/}"
    "${tools}/npm/node_modules/.bin/action-validator" "${work}/${file##*/}" || die "action-validator: ${file}"
  done
  printf '%d workflows and action.yml\n' "${#workflows[@]}"
}

# The examples for systems that have a schema but no runner here. Azure's schema has expressions that are invalid in
# Unicode mode.
check_other_pipelines() {
  local check=("${tools}/venv/bin/check-jsonschema" --builtin-schema)
  "${check[@]}" vendor.azure-pipelines --data-transform azure-pipelines --regex-variant nonunicode \
    examples/azure-pipelines.yml
  "${check[@]}" vendor.bitbucket-pipelines examples/bitbucket-pipelines.yml
  "${check[@]}" vendor.buildkite examples/buildkite.yml
  "${check[@]}" vendor.circle-ci examples/circleci.yml
}

# Tests the Action with the released program: under a real runner, then its step with GitHub's variables and signals.
test_action() {
  install_go_program github.com/nektos/act "${act_version}"
  cargo test --locked --test act --test action --no-run
  local -x VERSIONER_TEST_BIN=${static_binary}
  run_tests timeout "${test_limit}" cargo test --locked --test act -- --test-threads=1
  run_tests timeout "${test_limit}" cargo test --locked --test action -- step:: cancellation::
}

# Runs the scripts of deploy/action.yml as GitHub does, with the released program.
test_deploy_action() {
  local log=${work}/deploy.log passed failed skipped
  cargo build --locked --package versioner-sandbox
  VERSIONER_TEST_BIN=${static_binary} VERSIONER_TEST_SANDBOX=${CARGO_TARGET_DIR}/debug/versioner-sandbox \
    timeout 5m node --test --test-reporter=tap tests/deploy/deploy.test.js 2>&1 | tee -- "${log}" \
    || die "exit status $? from: node --test"
  awk '
    /^# pass / { passed = $3 }
    /^# (fail|cancelled) / { failed += $3 }
    /^# (skipped|todo) / { skipped += $3 }
    END { print passed + 0, failed + 0, skipped + 0 }
  ' "${log}" >"${work}/deploy-count"
  read -r passed failed skipped <"${work}/deploy-count"
  ((passed > 0)) || die 'node --test ran no test'
  # In the form in which `finish` counts.
  printf 'test result: node. %d passed; %d failed; %d ignored\n' "${passed}" "${failed}" "${skipped}" \
    | tee -a -- "${work}/tests.log"
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
