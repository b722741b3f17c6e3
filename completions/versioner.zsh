#compdef versioner

_versioner() {
  local command='' word
  local -a entries
  for word in ${words[2,CURRENT-1]}; do
    case "${command}/${word}" in
      */--) _normal && return ;;
      '/track') command='track' ;;
      'track/deployment') command='track deployment' ;;
      'track/build') command='track build' ;;
      '/run') command='run' ;;
      '/finish') command='finish' ;;
      '/flush') command='flush' ;;
      '/resume') command='resume' ;;
      '/check') command='check' ;;
      '/version') command='version' ;;
    esac
  done
  case "${words[CURRENT-1]}" in
    --api-key) _message value; return ;;
    --api-key-file) _files; return ;;
    --api-url) _message value; return ;;
    --branch) _message value; return ;;
    --build-number) _message value; return ;;
    --build-url) _message value; return ;;
    --built-by) _message value; return ;;
    --built-by-email) _message value; return ;;
    --built-by-name) _message value; return ;;
    --ca-bundle) _files; return ;;
    --command) compadd -- track finish flush resume check; return ;;
    --completed-at) _message value; return ;;
    --conflict-max-age) _message value; return ;;
    --deploy-url) _message value; return ;;
    --deployed-by) _message value; return ;;
    --deployed-by-email) _message value; return ;;
    --deployed-by-name) _message value; return ;;
    --environment) _message value; return ;;
    --event-type) compadd -- deployment build; return ;;
    --extra-metadata|--metadata) _message value; return ;;
    --github-token) _message value; return ;;
    --invoke-id) _message value; return ;;
    --on-approval) compadd -- fail wait park; return ;;
    --on-block) compadd -- fail wait park; return ;;
    --on-conflict) compadd -- fail wait park; return ;;
    --on-flow) compadd -- fail wait; return ;;
    --on-soak) compadd -- fail wait park; return ;;
    --on-superseded) compadd -- ignore fail; return ;;
    --on-window) compadd -- fail wait park; return ;;
    --output-file) _files; return ;;
    --poll-interval) _message value; return ;;
    --product|--product-name) _message value; return ;;
    --recheck-interval) _message value; return ;;
    --request-timeout) _message value; return ;;
    --retries) _message value; return ;;
    --run) _message value; return ;;
    --scm-branch) _message value; return ;;
    --scm-repository) _message value; return ;;
    --scm-sha) _message value; return ;;
    --source-system) _message value; return ;;
    --spool-dir) _files; return ;;
    --started-at) _message value; return ;;
    --status) _message value; return ;;
    --stop-timeout) _message value; return ;;
    --ui-url) _message value; return ;;
    --version) _message value; return ;;
    --wait-timeout) _message value; return ;;
    --workflow) _files; return ;;
  esac
  case "${command}" in
    '') entries=(
      'track:Report one event'
      'run:Wrap a deployment: check the rules, run COMMAND, report how it ended, exit with its code'
      'finish:Report the end of every deployment that this job started, with --status or the job'\''s own status'
      'flush:Deliver spooled events, and list those that were set aside'
      'resume:On GitHub: re-run the parked jobs of a workflow whose block has ended'
      'check:Show what would be sent and where each value comes from; sends no event'
      'version:Print the version'
      '--product:the product that is built or deployed'
      '--product-name:the product that is built or deployed'
      '--environment:the target environment; required for deployments'
      '--status:the status, in any CI system'\''s words'
      '--extra-metadata:a JSON object to store with the event, at most 100 KB'
      '--metadata:a JSON object to store with the event, at most 100 KB'
      '--scm-repository:the repository, as owner/name'
      '--scm-sha:the commit'
      '--scm-branch:the branch or tag'
      '--build-number:the run'\''s number'
      '--invoke-id:the run'\''s unique id'
      '--source-system:the CI system'
      '--started-at:the start time, RFC 3339'
      '--completed-at:the end time, RFC 3339'
      '--deploy-url:the link to the CI run; same as build_url'
      '--build-url:the link to the CI run; same as deploy_url'
      '--deployed-by:the person who deployed; same as built_by'
      '--deployed-by-email:that person'\''s e-mail address; same as built_by_email'
      '--deployed-by-name:that person'\''s name; same as built_by_name'
      '--built-by:the person who built; same as deployed_by'
      '--built-by-email:that person'\''s e-mail address; same as deployed_by_email'
      '--built-by-name:that person'\''s name; same as deployed_by_name'
      '--event-type:the kind of event'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--require-gate:deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says'
      '--on-block:what to do when a rule blocks (park: on GitHub); sets the next four'
      '--on-conflict:what to do while another deployment is in progress (409)'
      '--on-window:what to do in a no-deploy window (423)'
      '--on-approval:what to do until approvals are given (428)'
      '--on-soak:what to do until the soak time is over (428)'
      '--on-flow:what to do at a flow violation or an unknown code (428); waiting seldom lifts these'
      '--on-superseded:what to do on GitHub if a newer run of the workflow makes this one obsolete; needs github_token'
      '--github-token:the token for GitHub, for resume and on_superseded'
      '--wait-timeout:the longest total wait; never beyond the job'\''s own limit; 0: only say whether waiting would help'
      '--poll-interval:the time between polls if the API announces no end'
      '--recheck-interval:extra polls before an announced end, in case the rule is lifted early; 0: none'
      '--conflict-max-age:a conflicting deployment older than this is treated as stale: fail, don'\''t wait'
      '--command:what to do without a subcommand'
      '--run:a script to wrap: checks the rules, runs it, and reports how it ended'
      '--stop-timeout:the time from a cancel to SIGKILL'
      '--keep-api-key:leave the API key in the command'\''s environment, for scripts that call versioner themselves'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
      '--version:print the program'\''s version'
    ) ;;
    'track') entries=(
      'deployment:Report a deployment: started checks the rules; completed, failed or aborted reports the end'
      'build:Report a build, which creates the version'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'track deployment') entries=(
      '--product:the product that is built or deployed'
      '--product-name:the product that is built or deployed'
      '--version:the version'
      '--environment:the target environment; required for deployments'
      '--status:the status, in any CI system'\''s words'
      '--extra-metadata:a JSON object to store with the event, at most 100 KB'
      '--metadata:a JSON object to store with the event, at most 100 KB'
      '--scm-repository:the repository, as owner/name'
      '--scm-sha:the commit'
      '--scm-branch:the branch or tag'
      '--build-number:the run'\''s number'
      '--invoke-id:the run'\''s unique id'
      '--source-system:the CI system'
      '--started-at:the start time, RFC 3339'
      '--completed-at:the end time, RFC 3339'
      '--deploy-url:the link to the CI run; same as build_url'
      '--deployed-by:the person who deployed; same as built_by'
      '--deployed-by-email:that person'\''s e-mail address; same as built_by_email'
      '--deployed-by-name:that person'\''s name; same as built_by_name'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--require-gate:deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says'
      '--on-block:what to do when a rule blocks (park: on GitHub); sets the next four'
      '--on-conflict:what to do while another deployment is in progress (409)'
      '--on-window:what to do in a no-deploy window (423)'
      '--on-approval:what to do until approvals are given (428)'
      '--on-soak:what to do until the soak time is over (428)'
      '--on-flow:what to do at a flow violation or an unknown code (428); waiting seldom lifts these'
      '--on-superseded:what to do on GitHub if a newer run of the workflow makes this one obsolete; needs github_token'
      '--github-token:the token for GitHub, for resume and on_superseded'
      '--wait-timeout:the longest total wait; never beyond the job'\''s own limit; 0: only say whether waiting would help'
      '--poll-interval:the time between polls if the API announces no end'
      '--recheck-interval:extra polls before an announced end, in case the rule is lifted early; 0: none'
      '--conflict-max-age:a conflicting deployment older than this is treated as stale: fail, don'\''t wait'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'track build') entries=(
      '--product:the product that is built or deployed'
      '--product-name:the product that is built or deployed'
      '--version:the version'
      '--status:the status, in any CI system'\''s words'
      '--extra-metadata:a JSON object to store with the event, at most 100 KB'
      '--metadata:a JSON object to store with the event, at most 100 KB'
      '--scm-repository:the repository, as owner/name'
      '--scm-sha:the commit'
      '--scm-branch:the branch or tag'
      '--build-number:the run'\''s number'
      '--invoke-id:the run'\''s unique id'
      '--source-system:the CI system'
      '--started-at:the start time, RFC 3339'
      '--completed-at:the end time, RFC 3339'
      '--build-url:the link to the CI run; same as deploy_url'
      '--built-by:the person who built; same as deployed_by'
      '--built-by-email:that person'\''s e-mail address; same as deployed_by_email'
      '--built-by-name:that person'\''s name; same as deployed_by_name'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'run') entries=(
      '--product:the product that is built or deployed'
      '--product-name:the product that is built or deployed'
      '--version:the version'
      '--environment:the target environment; required for deployments'
      '--extra-metadata:a JSON object to store with the event, at most 100 KB'
      '--metadata:a JSON object to store with the event, at most 100 KB'
      '--scm-repository:the repository, as owner/name'
      '--scm-sha:the commit'
      '--scm-branch:the branch or tag'
      '--build-number:the run'\''s number'
      '--invoke-id:the run'\''s unique id'
      '--source-system:the CI system'
      '--started-at:the start time, RFC 3339'
      '--completed-at:the end time, RFC 3339'
      '--deploy-url:the link to the CI run; same as build_url'
      '--deployed-by:the person who deployed; same as built_by'
      '--deployed-by-email:that person'\''s e-mail address; same as built_by_email'
      '--deployed-by-name:that person'\''s name; same as built_by_name'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--require-gate:deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says'
      '--on-block:what to do when a rule blocks (park: on GitHub); sets the next four'
      '--on-conflict:what to do while another deployment is in progress (409)'
      '--on-window:what to do in a no-deploy window (423)'
      '--on-approval:what to do until approvals are given (428)'
      '--on-soak:what to do until the soak time is over (428)'
      '--on-flow:what to do at a flow violation or an unknown code (428); waiting seldom lifts these'
      '--on-superseded:what to do on GitHub if a newer run of the workflow makes this one obsolete; needs github_token'
      '--github-token:the token for GitHub, for resume and on_superseded'
      '--wait-timeout:the longest total wait; never beyond the job'\''s own limit; 0: only say whether waiting would help'
      '--poll-interval:the time between polls if the API announces no end'
      '--recheck-interval:extra polls before an announced end, in case the rule is lifted early; 0: none'
      '--conflict-max-age:a conflicting deployment older than this is treated as stale: fail, don'\''t wait'
      '--stop-timeout:the time from a cancel to SIGKILL'
      '--keep-api-key:leave the API key in the command'\''s environment, for scripts that call versioner themselves'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--help:print this help'
    ) ;;
    'finish') entries=(
      '--status:the status, in any CI system'\''s words'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'flush') entries=(
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--retry-set-aside:also try to deliver the events that were set aside'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'resume') entries=(
      '--allow-http:allow http to an address that is not loopback'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--github-token:the token for GitHub, for resume and on_superseded'
      '--workflow:the file name of the workflow whose jobs park, such as deploy.yml; required'
      '--branch:the branch whose runs count'
      '--dry-run:print what would be re-run, and re-run nothing'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'check') entries=(
      '--product:the product that is built or deployed'
      '--product-name:the product that is built or deployed'
      '--version:the version'
      '--environment:the target environment; required for deployments'
      '--status:the status, in any CI system'\''s words'
      '--extra-metadata:a JSON object to store with the event, at most 100 KB'
      '--metadata:a JSON object to store with the event, at most 100 KB'
      '--scm-repository:the repository, as owner/name'
      '--scm-sha:the commit'
      '--scm-branch:the branch or tag'
      '--build-number:the run'\''s number'
      '--invoke-id:the run'\''s unique id'
      '--source-system:the CI system'
      '--started-at:the start time, RFC 3339'
      '--completed-at:the end time, RFC 3339'
      '--deploy-url:the link to the CI run; same as build_url'
      '--build-url:the link to the CI run; same as deploy_url'
      '--deployed-by:the person who deployed; same as built_by'
      '--deployed-by-email:that person'\''s e-mail address; same as built_by_email'
      '--deployed-by-name:that person'\''s name; same as built_by_name'
      '--built-by:the person who built; same as deployed_by'
      '--built-by-email:that person'\''s e-mail address; same as deployed_by_email'
      '--built-by-name:that person'\''s name; same as deployed_by_name'
      '--event-type:the kind of event'
      '--api-key:the API key, sk_{account}_{id}_…; required'
      '--api-key-file:a file that holds the API key'
      '--api-url:the API'\''s base URL'
      '--allow-http:allow http to an address that is not loopback'
      '--ui-url:the web console'\''s URL, for links'
      '--fail-on-api-error:fail the job if the API rejects the event or is unavailable; a block always fails it'
      '--request-timeout:the time limit of one request'
      '--retries:retries after a transient failure, 0 to 100'
      '--spool-dir:the directory for undelivered events and open deployments; off: nothing is kept'
      '--ca-bundle:a PEM file of certificate authorities, or one self-signed server certificate, to trust as well'
      '--ca-only:trust only ca_bundle, and no built-in, system or other certificates'
      '--online:also request the API'\''s /health endpoint'
      '--config:a configuration file, in YAML [default: ~/.versioner/config.yaml, outside CI]'
      '--require-gate:deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says'
      '--on-block:what to do when a rule blocks (park: on GitHub); sets the next four'
      '--on-conflict:what to do while another deployment is in progress (409)'
      '--on-window:what to do in a no-deploy window (423)'
      '--on-approval:what to do until approvals are given (428)'
      '--on-soak:what to do until the soak time is over (428)'
      '--on-flow:what to do at a flow violation or an unknown code (428); waiting seldom lifts these'
      '--on-superseded:what to do on GitHub if a newer run of the workflow makes this one obsolete; needs github_token'
      '--github-token:the token for GitHub, for resume and on_superseded'
      '--wait-timeout:the longest total wait; never beyond the job'\''s own limit; 0: only say whether waiting would help'
      '--poll-interval:the time between polls if the API announces no end'
      '--recheck-interval:extra polls before an announced end, in case the rule is lifted early; 0: none'
      '--conflict-max-age:a conflicting deployment older than this is treated as stale: fail, don'\''t wait'
      '--output-file:a file to which outputs are appended as KEY=VALUE lines'
      '--summary:write the job summary'
      '--verbose:print more'
      '--debug:print everything: requests, replies, sources of values'
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
    'version') entries=(
      '--json:print the outputs as one JSON object on stdout, all else on stderr'
      '--help:print this help'
    ) ;;
  esac
  _describe 'versioner' entries
}

_versioner "$@"
