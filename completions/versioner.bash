# bash completion for versioner

_versioner() {
  local word command='' index words=''
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    case "${command}/${word}" in
      */--) return ;;
      '/track') command='track' ;;
      'track/deployment') command='track deployment' ;;
      'track/build') command='track build' ;;
      '/run') command='run' ;;
      '/finish') command='finish' ;;
      '/flush') command='flush' ;;
      '/resume') command='resume' ;;
      '/check') command='check' ;;
      '/version') command='version' ;;
      *) ;;
    esac
  done
  case "${COMP_WORDS[COMP_CWORD - 1]}" in
    --api-key) : && return ;;
    --api-key-file) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
    --api-url) : && return ;;
    --branch) : && return ;;
    --build-number) : && return ;;
    --build-url) : && return ;;
    --built-by) : && return ;;
    --built-by-email) : && return ;;
    --built-by-name) : && return ;;
    --ca-bundle) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
    --command) words='track finish flush resume check' ;;
    --completed-at) : && return ;;
    --conflict-max-age) : && return ;;
    --deploy-url) : && return ;;
    --deployed-by) : && return ;;
    --deployed-by-email) : && return ;;
    --deployed-by-name) : && return ;;
    --environment) : && return ;;
    --event-type) words='deployment build' ;;
    --extra-metadata | --metadata) : && return ;;
    --github-token) : && return ;;
    --invoke-id) : && return ;;
    --on-approval) words='fail wait park' ;;
    --on-block) words='fail wait park' ;;
    --on-conflict) words='fail wait park' ;;
    --on-flow) words='fail wait' ;;
    --on-soak) words='fail wait park' ;;
    --on-superseded) words='ignore fail' ;;
    --on-window) words='fail wait park' ;;
    --output-file) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
    --poll-interval) : && return ;;
    --product | --product-name) : && return ;;
    --recheck-interval) : && return ;;
    --request-timeout) : && return ;;
    --retries) : && return ;;
    --run) : && return ;;
    --scm-branch) : && return ;;
    --scm-repository) : && return ;;
    --scm-sha) : && return ;;
    --source-system) : && return ;;
    --spool-dir) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
    --started-at) : && return ;;
    --status) : && return ;;
    --stop-timeout) : && return ;;
    --ui-url) : && return ;;
    --version) : && return ;;
    --wait-timeout) : && return ;;
    --workflow) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") && return ;;
    *)
      case "${command}" in
        '') words='track run finish flush resume check version --product --product-name --environment --status --extra-metadata --metadata --scm-repository --scm-sha --scm-branch --build-number --invoke-id --source-system --started-at --completed-at --deploy-url --build-url --deployed-by --deployed-by-email --deployed-by-name --built-by --built-by-email --built-by-name --event-type --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --config --require-gate --on-block --on-conflict --on-window --on-approval --on-soak --on-flow --on-superseded --github-token --wait-timeout --poll-interval --recheck-interval --conflict-max-age --command --run --stop-timeout --keep-api-key --output-file --summary --verbose --debug --json --help --version' ;;
        'track') words='deployment build --json --help' ;;
        'track deployment') words='--product --product-name --version --environment --status --extra-metadata --metadata --scm-repository --scm-sha --scm-branch --build-number --invoke-id --source-system --started-at --completed-at --deploy-url --deployed-by --deployed-by-email --deployed-by-name --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --config --require-gate --on-block --on-conflict --on-window --on-approval --on-soak --on-flow --on-superseded --github-token --wait-timeout --poll-interval --recheck-interval --conflict-max-age --output-file --summary --verbose --debug --json --help' ;;
        'track build') words='--product --product-name --version --status --extra-metadata --metadata --scm-repository --scm-sha --scm-branch --build-number --invoke-id --source-system --started-at --completed-at --build-url --built-by --built-by-email --built-by-name --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --config --output-file --summary --verbose --debug --json --help' ;;
        'run') words='--product --product-name --version --environment --extra-metadata --metadata --scm-repository --scm-sha --scm-branch --build-number --invoke-id --source-system --started-at --completed-at --deploy-url --deployed-by --deployed-by-email --deployed-by-name --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --config --require-gate --on-block --on-conflict --on-window --on-approval --on-soak --on-flow --on-superseded --github-token --wait-timeout --poll-interval --recheck-interval --conflict-max-age --stop-timeout --keep-api-key --output-file --summary --verbose --debug --help' ;;
        'finish') words='--status --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --config --output-file --summary --verbose --debug --json --help' ;;
        'flush') words='--api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --retry-set-aside --ca-bundle --ca-only --config --output-file --summary --verbose --debug --json --help' ;;
        'resume') words='--allow-http --request-timeout --retries --ca-bundle --ca-only --config --github-token --workflow --branch --dry-run --output-file --summary --verbose --debug --json --help' ;;
        'check') words='--product --product-name --version --environment --status --extra-metadata --metadata --scm-repository --scm-sha --scm-branch --build-number --invoke-id --source-system --started-at --completed-at --deploy-url --build-url --deployed-by --deployed-by-email --deployed-by-name --built-by --built-by-email --built-by-name --event-type --api-key --api-key-file --api-url --allow-http --ui-url --fail-on-api-error --request-timeout --retries --spool-dir --ca-bundle --ca-only --online --config --require-gate --on-block --on-conflict --on-window --on-approval --on-soak --on-flow --on-superseded --github-token --wait-timeout --poll-interval --recheck-interval --conflict-max-age --output-file --summary --verbose --debug --json --help' ;;
        'version') words='--json --help' ;;
        *) ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "${words}" -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -F _versioner versioner
