// The steps `versioner`, `versioner.run`, `versioner.deploy` and `versioner.finish`. See README.md.
import groovy.transform.Field

@Field final List<String> SETTINGS = [
  // settings: begin (INSTA_UPDATE=always cargo test --test integrations writes them)
  'product_name',
  'version',
  'environment',
  'status',
  'metadata',
  'scm_repository',
  'scm_sha',
  'scm_branch',
  'build_number',
  'invoke_id',
  'source_system',
  'started_at',
  'completed_at',
  'deploy_url',
  'build_url',
  'deployed_by',
  'deployed_by_email',
  'deployed_by_name',
  'built_by',
  'built_by_email',
  'built_by_name',
  'event_type',
  'api_key_file',
  'api_url',
  'allow_http',
  'ui_url',
  'fail_on_api_error',
  'request_timeout',
  'retries',
  'spool_dir',
  'ca_bundle',
  'ca_only',
  'require_gate',
  'on_block',
  'on_conflict',
  'on_window',
  'on_approval',
  'on_soak',
  'on_flow',
  'wait_timeout',
  'poll_interval',
  'recheck_interval',
  'conflict_max_age',
  'stop_timeout',
  'keep_api_key',
  'output_file',
  'summary',
  'verbose',
  'debug',
  // settings: end
]

/** The longest time added to a pause, so that jobs that wait for the same end do not all start at once. */
@Field final int LARGEST_JITTER = 60

/** Reports one event: `versioner(environment: 'production', status: 'started')`. */
def call(Map settings) {
  withVersioner(settings, [:]) { sh 'versioner' }
}

/** Checks the rules, runs `script`, and reports how it ended: `versioner.run(environment: 'production', script: './deploy.sh')`. */
def run(Map settings) {
  Map rest = new LinkedHashMap(settings)
  String script = rest.remove('script')
  if (!script) { error 'versioner.run needs a script' }
  withVersioner(rest, [VERSIONER_RUN: script]) { sh 'versioner' }
}

/** Reports the end of every deployment that this job started on this agent and did not close. */
def finish(Map settings = [:]) {
  Map all = [status: currentBuild.currentResult] + settings
  withVersioner(all, [VERSIONER_COMMAND: 'finish']) { sh 'versioner' }
}

/**
 * Checks the rules on an agent with this `label`, runs the closure there, and reports how it ended. While the deployment is
 * blocked and the settings say to wait, the build sleeps and holds no agent.
 */
def deploy(Map settings, Closure body) {
  Map rest = new LinkedHashMap(settings)
  String label = rest.remove('label') ?: ''
  long began = now()
  long deadline = began + seconds(rest.remove('wait_timeout') ?: '30m')
  int polls = 0
  while (true) {
    Map block = null
    node(label) { block = attempt(rest, body) }
    if (block == null) { return }
    int pause = pauseFor(block, rest, began, polls++)
    long left = deadline - now()
    if (left <= 0 || (block.VERSIONER_RETRY_AFTER && until(block) > left)) {
      error "versioner: blocked (${block.VERSIONER_BLOCK_CODE}), and the time to wait is over"
    }
    pause = Math.min(pause as long, left) as int
    echo "versioner: blocked (${block.VERSIONER_BLOCK_CODE}). The agent is free; next check in ${pause} s."
    sleep(time: pause, unit: 'SECONDS')
  }
}

/** Sends `started`. If that is blocked and waiting would help, returns the outputs. Else runs `body` and reports its end. */
private Map attempt(Map settings, Closure body) {
  String outputs = "${pwd(tmp: true)}/versioner-gate.env"
  int code = 0
  Map gate = [VERSIONER_STATUS: 'started', VERSIONER_WAIT_TIMEOUT: '0', VERSIONER_OUTPUT_FILE: outputs]
  withVersioner(settings, gate) {
    sh "rm -f -- '${outputs}'"
    code = sh(returnStatus: true, script: 'versioner')
  }
  if (code == 5) {
    Map block = readOutputs(outputs)
    // Any other result says that waiting does not help, or that the settings say to fail.
    if (block.VERSIONER_WAIT_RESULT in ['timed_out', 'too_far']) { return block }
  }
  if (code != 0) { error "versioner: the deployment may not start (exit code ${code})" }
  String status = 'failure'
  try {
    body()
    status = 'success'
  } catch (InterruptedException interrupted) {
    status = 'aborted'
    throw interrupted
  } finally {
    finish(settings + [status: status])
  }
  return null
}

/** Runs `body` with the API key, the settings as variables and `versioner` on the PATH. */
private void withVersioner(Map settings, Map variables, Closure body) {
  Map rest = new LinkedHashMap(settings)
  String credentials = rest.remove('credentialsId') ?: 'versioner'
  String unknown = rest.keySet().find { !SETTINGS.contains(it) }
  if (unknown) { error "versioner: unknown setting ${unknown}. Known: credentialsId, label, script, ${SETTINGS.join(', ')}" }
  String directory = "${pwd(tmp: true)}/versioner-bin"
  List<String> env = ["PATH+VERSIONER=${directory}"]
  rest.each { name, value -> env << "VERSIONER_${name.toUpperCase()}=${value}" }
  variables.each { name, value -> env << "${name}=${value}" }
  writeFile file: "${directory}/install.sh", text: libraryResource('io/versioner/install.sh')
  sh "sh '${directory}/install.sh' '${directory}'"
  withCredentials([string(credentialsId: credentials, variable: 'VERSIONER_API_KEY')]) {
    withEnv(env) { body() }
  }
}

private Map readOutputs(String file) {
  Map outputs = [:]
  readFile(file).split('\n').each { line ->
    String[] pair = line.split('=', 2)
    if (pair.length == 2) { outputs[pair[0]] = pair[1] }
  }
  return outputs
}

/** The seconds until the next check: the announced end, but at most `recheck_interval`; else `poll_interval`, growing. */
private int pauseFor(Map block, Map settings, long began, int polls) {
  int recheck = seconds(settings.recheck_interval ?: '10m')
  if (!block.VERSIONER_RETRY_AFTER) {
    int interval = seconds(settings.poll_interval ?: '30s')
    return Math.min(interval * Math.pow(1.5, polls), interval * 4.0) as int
  }
  long ahead = until(block)
  if (recheck > 0 && ahead > recheck) { return recheck }
  int jitter = Math.min(LARGEST_JITTER, (now() - began + ahead).intdiv(10)) as int
  return Math.max(1, ahead + random(jitter)) as int
}

/** The seconds until the announced end of the block. */
private long until(Map block) {
  return Math.max(0, java.time.OffsetDateTime.parse(block.VERSIONER_RETRY_AFTER).toEpochSecond() - now())
}

/** Reads durations as `versioner` does: 90s, 30m, 1h30m, PT30M, or seconds. */
private int seconds(Object text) {
  String rest = "${text}".trim().toLowerCase() - ~/^pt/
  if (rest ==~ /\d+/) { return rest as int }
  if (!(rest ==~ /(\d+h)?(\d+m)?(\d+s)?/) || !rest) { error "versioner: '${text}' is no duration, such as 90s, 30m or 1h30m" }
  int total = 0
  (rest =~ /(\d+)([hms])/).each { total += (it[1] as int) * [h: 3600, m: 60, s: 1][it[2]] }
  return total
}

long now() {
  return System.currentTimeMillis().intdiv(1000L)
}

int random(int limit) {
  return new Random().nextInt(limit + 1)
}
