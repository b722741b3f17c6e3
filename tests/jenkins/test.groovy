// Runs the shared library in integrations/jenkins with stand-ins for Jenkins' steps: `groovy test.groovy LIBRARY WORK URL KEY`.
// `sh` really runs its script, with the program in VERSIONER_BIN, against the sandbox at URL.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilerConfiguration

/** What `error` throws. */
class PipelineError extends Exception {
  PipelineError(String message) { super(message) }
}

/** The steps that the library calls. `sleep` only advances a clock. */
abstract class Steps extends Script {
  String library, work, key
  Map currentBuild = [currentResult: 'SUCCESS']
  Map environment = [:]
  Map files = [:]
  List<Integer> sleeps = []
  List<String> log = []
  Closure onSleep = { }
  boolean onAgent = false
  int agents = 0
  long clock = System.currentTimeMillis().intdiv(1000)

  /** A script's properties would otherwise be variables of its binding. */
  void setProperty(String name, Object value) { metaClass.setProperty(this, name, value) }

  void node(String label, Closure body) {
    assert !onAgent: 'an agent is held already'
    onAgent = true
    agents++
    try { body() } finally { onAgent = false }
  }

  def sh(String script) { sh(script: script) }

  def sh(Map step) {
    assert onAgent: 'sh needs an agent'
    def builder = new ProcessBuilder('sh', '-xe', '-c', step.script).redirectErrorStream(true).directory(new File(work))
    builder.environment().clear()
    builder.environment().putAll(environment)
    def process = builder.start()
    process.outputStream.close()
    log << process.inputStream.text
    int code = process.waitFor()
    if (step.returnStatus) { return code }
    if (code != 0) { throw new PipelineError("script returned exit code ${code}\n${log.last()}") }
  }

  void withEnv(List<String> variables, Closure body) {
    Map before = environment
    environment = new LinkedHashMap(before)
    variables*.toString().each {
      def (name, value) = it.split('=', 2)
      if (name.startsWith('PATH+')) { environment.PATH = "${value}:${before.PATH}".toString() } else { environment[name] = value }
    }
    try { body() } finally { environment = before }
  }

  void withCredentials(List<Map> credentials, Closure body) {
    withEnv(credentials.collect { "${it.variable}=${it.credentialsId == 'versioner' ? key : ''}" }, body)
  }

  Map string(Map credential) { credential }

  void writeFile(Map step) {
    def file = new File(step.file.toString())
    file.parentFile.mkdirs()
    file.text = step.text
  }

  String readFile(String file) { new File(file).text }

  String libraryResource(String name) { new File("${library}/resources/${name}").text }

  String pwd(Map step) {
    assert step.tmp && onAgent
    return "${work}@tmp"
  }

  void sleep(Map step) {
    assert !onAgent: 'a wait holds an agent'
    assert step.unit == 'SECONDS' && step.time > 0
    sleeps << step.time
    clock += step.time
    onSleep(sleeps.size())
  }

  void echo(String text) { log << text.toString() }

  void error(Object text) { throw new PipelineError(text.toString()) }
}

String library = args[0], work = args[1], url = args[2], key = args[3]
new File(work).mkdirs()

def call = { String method, String path, Object body = null ->
  def connection = new URL(url + path).openConnection()
  connection.requestMethod = method
  if (body != null) {
    connection.doOutput = true
    connection.outputStream.withWriter { it << JsonOutput.toJson(body) }
  }
  def text = connection.inputStream.getText("UTF-8")
  return text ? new JsonSlurper().parseText(text) : null
}
def statuses = { call('GET', '/_sandbox/requests').collect { it.body.status } }
def rule = { Map rule -> call('POST', '/_sandbox/rules', rule) }

int build = 0
def load = {
  call('POST', '/_sandbox/reset', [:])
  def configuration = new CompilerConfiguration(scriptBaseClass: Steps.name)
  def script = new GroovyShell(this.class.classLoader, new Binding(), configuration)
    .parse(new File("${library}/vars/versioner.groovy"))
  script.library = library
  script.work = work
  script.key = key
  script.environment = [
    PATH: System.getenv('PATH'), HOME: work, JENKINS_URL: 'https://ci.example/', BUILD_NUMBER: "${++build}".toString(),
    BUILD_TAG: "jenkins-shop-${build}".toString(), NODE_NAME: 'linux-1', WORKSPACE: work,
    WORKSPACE_TMP: "${work}@tmp".toString(), VERSIONER_API_URL: url, VERSIONER_BIN: System.getenv('VERSIONER_BIN'),
    VERSIONER_PRODUCT_NAME: 'shop',
  ]
  // The clock of the pipeline, which only `sleep` advances, and no jitter.
  script.metaClass.now = { -> script.clock }
  script.metaClass.random = { int limit -> limit }
  return script
}
def fails = { Class kind, String text, Closure body ->
  try {
    body()
  } catch (Throwable thrown) {
    assert kind.isInstance(thrown) && thrown.message.contains(text)
    return
  }
  assert false: "no failure: ${text}"
}
def settings = [environment: 'production', on_block: 'wait']

def test = { String name, Closure body ->
  body()
  println "jenkins: ${name}"
}

test('deploy reports the start and the end') {
  def script = load()
  script.deploy(settings + [label: 'linux']) { script.sh 'test -z "${VERSIONER_API_KEY-}" && echo deployed' }
  assert statuses() == ['started', 'completed']
  assert script.agents == 1 && script.sleeps.empty
}

test('a wait holds no agent, and the build goes on when the rule is lifted') {
  def script = load()
  rule(kind: 'schedule', name: 'freeze', environment: 'production', ends_in_seconds: 7200)
  script.onSleep = { if (it == 2) { call('DELETE', '/_sandbox/rules') } }
  boolean deployed = false
  script.deploy(settings + [wait_timeout: '3h']) { deployed = true }
  assert deployed && script.agents == 3 && script.sleeps == [600, 600]
  assert statuses() == ['started', 'started', 'started', 'completed']
  assert script.log.any { it.contains('Blocked: shop') }
}

test('an announced end is waited for once, with jitter') {
  def script = load()
  rule(kind: 'schedule', name: 'freeze', environment: 'production', ends_in_seconds: 300)
  script.onSleep = { call('DELETE', '/_sandbox/rules') }
  script.deploy(settings) { }
  assert script.sleeps.size() == 1 && script.sleeps[0] in 320..331
}

test('without an announced end, the pauses grow until wait_timeout') {
  def script = load()
  rule(kind: 'approval', name: 'two eyes', environment: 'production', required: 1)
  fails(PipelineError, 'APPROVAL_REQUIRED') { script.deploy(settings + [wait_timeout: '10m']) { assert false } }
  assert script.sleeps[0..4] == [30, 45, 67, 101, 120] && script.sleeps.sum() == 600
}

test('an end after wait_timeout, or on_block fail, fails at once') {
  for (more in [[wait_timeout: '30m'], [on_block: 'fail', wait_timeout: '3h']]) {
    def script = load()
    rule(kind: 'schedule', name: 'freeze', environment: 'production', ends_in_seconds: 7200)
    fails(PipelineError, 'versioner: ') { script.deploy(settings + more) { assert false } }
    assert script.sleeps.empty && statuses() == ['started']
  }
}

test('the end of a failed or stopped deployment is reported') {
  def ends = [failed: new PipelineError('script returned exit code 1'), aborted: new InterruptedException('stopped')]
  ends.each { status, thrown ->
    def script = load()
    fails(thrown.class, thrown.message) { script.deploy(settings) { throw thrown } }
    assert statuses() == ['started', status]
  }
}

test('run wraps a script, and the step fails with it') {
  def script = load()
  script.node('') { script.run(environment: 'staging', script: 'echo deployed') }
  script.node('') { fails(PipelineError, 'exit code 3') { script.run(environment: 'staging', script: 'exit 3') } }
  assert statuses() == ['started', 'completed', 'started', 'failed']
}

test('an event and finish, with the result of the build') {
  def script = load()
  script.node('') {
    script.call(environment: 'staging', status: 'started')
    script.currentBuild.currentResult = 'UNSTABLE'
    script.finish()
  }
  assert statuses() == ['started', 'completed']
}

test('an unknown setting and a wrong duration are errors') {
  def script = load()
  script.node('') { fails(PipelineError, 'enviroment') { script.call(enviroment: 'staging') } }
  fails(PipelineError, 'soon') { script.deploy(settings + [wait_timeout: 'soon']) { } }
  assert statuses() == []
}
