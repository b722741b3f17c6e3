#!/usr/bin/env bash
# Steps that look at the sources. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and its other parts set what is not set here.
set -Eeuo pipefail

check_format() {
  cargo fmt --all --check -- --color never
}

check_clippy() {
  cargo clippy --workspace --all-targets --locked -- -D warnings
}

check_documentation() {
  RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
}

check_shell() {
  local scripts
  list_shell_scripts >"${work}/shell-scripts"
  mapfile -d '' -t scripts <"${work}/shell-scripts"
  ((${#scripts[@]} > 0)) || die 'no shell script was found, not even .ci/run'
  printf '%s\n' "${scripts[@]}"
  "${tools}/venv/bin/shellcheck" --enable=all --external-sources --source-path=SCRIPTDIR -- "${scripts[@]}"
  # Its style stands in .editorconfig.
  "${tools}/venv/bin/shfmt" --diff -- "${scripts[@]}"
}

# Every shell script that git tracks or would: by its name, or by its first line.
list_shell_scripts() {
  local file first
  git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [[ -f ${file} && ! -L ${file} ]] || continue
    first=''
    IFS= read -r first <"${file}" || true
    if [[ ${file} == *.sh || ${first} =~ ^#!.*[/\ ](ba|da|k)?sh( |$) ]]; then
      printf '%s\0' "${file}"
    fi
  done
}

check_hygiene() {
  local paths
  paths=$(machine_paths)
  forbid 'a test that is left out, or a macro that must not stay' '#!?\[(cfg_attr\(.*)?ignore\b|\b(todo|dbg)!' '*.rs'
  forbid 'a path of this machine' "${paths}" .
}

# forbid WHAT PATTERN PATHSPEC…: no file that git tracks or would may match.
forbid() {
  local what=$1 pattern=$2 status=0
  shift 2
  git grep --untracked -nIE -e "${pattern}" -- "$@" || status=$?
  case ${status} in
    0) die "${what}: see above" ;;
    1) printf 'nowhere: %s\n' "${what}" ;;
    *) die "git grep failed with status ${status}" ;;
  esac
}

# A pattern for the checkout, and for the folder that it lies in unless that is everybody's.
machine_paths() {
  local parent paths
  paths=$(quoted "${root}")
  parent=$(dirname -- "${root}")
  case ${parent} in
    / | /home | /opt | /root | /srv | /tmp | /usr/src | /var/tmp) ;;
    *) paths+="|$(quoted "${parent}")" ;;
  esac
  printf '(^|[^[:alnum:]._/-])(%s)($|[^[:alnum:]_-])' "${paths}"
}

# The text as a regular expression that matches nothing else.
quoted() {
  printf '%s' "$1" | sed 's/[][\.*^$+?(){}|]/\\&/g'
}

# Every snapshot is one that a test of `run_readme_tests` compared.
check_snapshots() {
  local used=${INSTA_SNAPSHOT_REFERENCES_FILE} all=${work}/snapshots unused count
  touch -- "${used}"
  xargs -r -d '\n' realpath -- <"${used}" | sort -u >"${used}.sorted"
  git ls-files -z --cached --others --exclude-standard -- '*.snap' | xargs -r -0 realpath -- | sort -u >"${all}"
  unused=$(comm -13 -- "${used}.sorted" "${all}")
  [[ -z ${unused} ]] || die "no test uses these snapshots: ${unused//$'\n'/ }"
  count=$(wc -l <"${all}")
  printf '%d snapshots, all used\n' "${count}"
}

check_dependencies() {
  install_cargo_deny
  cargo deny --offline check --hide-inclusion-graph licenses bans sources
  local skipped='SKIPPED: cargo deny check advisories: it needs a network that reaches the advisory database'
  if grep -qsE 'cargo[- ]deny|advisories' .github/workflows/*; then
    skipped+='; a workflow in .github/workflows does it'
  fi
  note "${skipped}"
}
