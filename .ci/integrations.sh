#!/usr/bin/env bash
# Checks the packages for CI systems in integrations/, and runs them where there is a runner. Sourced by `run`.

# shellcheck disable=SC2034,SC2154 # Variables are shared with `run` and the other files that it sources.
set -Eeuo pipefail

readonly buildkite_agent_version=v3.78.0
# The version that Jenkins contains.
readonly groovy_version=2.4.21
readonly groovy_sha256=de65260cf2070442e99882f2f3d72e7531725c1e6a257446cc0cea525c607bd0

# Checks the packages and their examples against the schemas of the CI systems. What these do not know, such as our
# settings, tests/integrations checks.
check_integrations() {
  check_schema vendor.circle-ci integrations/circleci/orb.yml
  check_schema vendor.azure-pipelines integrations/azure-pipelines/versioner.yml
  check_examples vendor.circle-ci circleci/README.md
  check_examples vendor.azure-pipelines azure-pipelines/README.md
  check_examples vendor.bitbucket-pipelines bitbucket/README.md
  check_examples vendor.buildkite versioner-buildkite-plugin/README.md
  check_examples vendor.drone-ci drone/README.md
  check_examples vendor.woodpecker-ci woodpecker/docs.md
}

# check_schema SCHEMA FILE
check_schema() {
  local options=()
  [[ $1 != vendor.azure-pipelines ]] || options=(--data-transform azure-pipelines)
  "${tools}/venv/bin/check-jsonschema" --builtin-schema "$1" "${options[@]}" "$2" >"${work}/schema.log" 2>&1 \
    || die_with_log schema "$2 does not match the schema $1"
  # A check that accepts everything would find nothing.
  local key
  for key in steps step command run plugins image bash template; do
    sed -E "s/^( *(- )?)${key}:/\\1x${key}:/" -- "$2" >"${work}/wrong.yml"
    if ! cmp --silent -- "$2" "${work}/wrong.yml" && ! "${tools}/venv/bin/check-jsonschema" --builtin-schema "$1" \
      "${options[@]}" "${work}/wrong.yml" >"${work}/wrong.log" 2>&1; then
      printf '%s: %s, and not with x%s\n' "$1" "$2" "${key}"
      return
    fi
  done
  die "the schema $1 accepts every misspelt key in $2"
}

# check_examples SCHEMA FILE: checks each ```yaml block of a file in integrations/.
check_examples() {
  local block
  rm -f -- "${work}"/example-*.yml
  awk -v out="${work}/example-" '
    /^```/ && inside { inside = 0; next }
    /^```yaml$/ { inside = 1; blocks++; next }
    inside { print > (out blocks ".yml") }
  ' "integrations/$2"
  for block in "${work}"/example-*.yml; do
    [[ -f ${block} ]] || die "integrations/$2 has no example"
    check_schema "$1" "${block}"
  done
}

# Writes the packages with the checksums of the release files, and a mirror that serves these.
make_packages() {
  local version
  version=$(cargo_version)
  packages=${work}/packages
  package_mirror=${work}/package-mirror
  mkdir -p -- "${package_mirror}/v${version}"
  cp -- "${release_files}"/versioner-*-musl "${package_mirror}/v${version}/"
  scripts/integrations.sh "${release_files}/checksums.txt" "${packages}"
}

test_buildkite() {
  local url key agent=${tools}/buildkite/agent
  make_packages
  install_buildkite_agent
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  timeout 5m python3 tests/buildkite/test.py "${agent}" "${packages}/integrations/versioner-buildkite-plugin" \
    "file://${package_mirror}" "${work}/buildkite" "${url}" "${key}"
  stop_sandbox
}

install_buildkite_agent() {
  local into=${tools}/buildkite installed=''
  [[ ! -x ${into}/agent ]] || installed=$(go version -m -- "${into}/agent")
  if [[ ${installed} != *$'\tmod\tgithub.com/buildkite/agent/v3\t'"${buildkite_agent_version}"$'\t'* ]]; then
    GOBIN=${into} GOPATH=${tools}/go GOFLAGS='-modcacherw -trimpath' \
      go install "github.com/buildkite/agent/v3@${buildkite_agent_version}"
  fi
}

# Runs the Jenkins library with stand-ins for Jenkins' steps.
test_jenkins() {
  local url key jar=${tools}/groovy-all-${groovy_version}.jar
  if [[ ! -f ${jar} ]]; then
    mvn --quiet --batch-mode dependency:copy -DoutputDirectory="${tools}/groovy" \
      -Dartifact="org.codehaus.groovy:groovy-all:${groovy_version}"
    sha256sum --check --strict --status <<<"${groovy_sha256}  ${tools}/groovy/${jar##*/}" || die "wrong checksum of ${jar##*/}"
    mv -- "${tools}/groovy/${jar##*/}" "${jar}"
  fi
  start_sandbox
  url=$(sed -n 's/^listening on //p' "${work}/sandbox.out")
  key=$(sed -n 's/^api key //p' "${work}/sandbox.out")
  VERSIONER_BIN=${static_binary} timeout 5m java -cp "${jar}" groovy.ui.GroovyMain tests/jenkins/test.groovy \
    integrations/jenkins "${work}/jenkins" "${url}" "${key}"
  stop_sandbox
}
