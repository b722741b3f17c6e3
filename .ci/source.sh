#!/usr/bin/env bash
# Checks of the source code. Sourced by `run`.

# shellcheck disable=SC2154 # `run` and the other files that it sources set these variables.
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
  ((${#scripts[@]} > 0)) || die 'found no shell script, not even .ci/run'
  printf '%s\n' "${scripts[@]}"
  "${tools}/venv/bin/shellcheck" --enable=all --external-sources --source-path=SCRIPTDIR -- "${scripts[@]}"
  # Reads its style from .editorconfig.
  "${tools}/venv/bin/shfmt" --diff -- "${scripts[@]}"
}

# Prints every shell script that git tracks or could add, recognized by its name or its first line.
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
  forbid 'ignored tests and leftover macros' '#!?\[(cfg_attr\(.*)?ignore\b|\b(todo|dbg)!' '*.rs'
  forbid 'paths of this machine' "${paths}" .
}

# forbid WHAT PATTERN PATHSPEC…: fails if a file that git tracks or could add matches.
forbid() {
  local what=$1 pattern=$2 status=0
  shift 2
  git grep --untracked -nIE -e "${pattern}" -- "$@" || status=$?
  case ${status} in
    0) die "found ${what}: see above" ;;
    1) printf 'found no %s\n' "${what}" ;;
    *) die "git grep failed with status ${status}" ;;
  esac
}

# Prints a pattern for the path of the checkout, and of its parent directory unless that is a common one.
machine_paths() {
  local parent paths
  paths=$(escape_regex "${root}")
  parent=$(dirname -- "${root}")
  case ${parent} in
    / | /home | /opt | /root | /srv | /tmp | /usr/src | /var/tmp) ;;
    *) paths+="|$(escape_regex "${parent}")" ;;
  esac
  printf '(^|[^[:alnum:]._/-])(%s)($|[^[:alnum:]_-])' "${paths}"
}

# escape_regex TEXT: prints a regular expression that matches exactly this text.
escape_regex() {
  printf '%s' "$1" | sed 's/[][\.*^$+?(){}|]/\\&/g'
}

# Fails if there is a snapshot that no test of `run_readme_tests` compared.
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
  local skipped='SKIPPED: cargo deny check advisories: needs network access to the advisory database'
  if grep -qsE 'cargo[- ]deny|advisories' .github/workflows/*; then
    skipped+='; a workflow in .github/workflows runs it'
  fi
  note "${skipped}"
}
