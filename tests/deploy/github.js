'use strict'
// Runs the scripts of deploy/action.yml as GitHub's runner does: INPUT_… variables, state and output files, signals.
const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const ROOT = path.resolve(__dirname, '../..')
const BINARY = process.env.VERSIONER_TEST_BIN ?? path.join(ROOT, 'target/debug/versioner')
const SANDBOX = process.env.VERSIONER_TEST_SANDBOX ?? path.join(ROOT, 'target/debug/versioner-sandbox')
const FILE = `versioner-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-musl`

// The inputs of an action.yml, with their defaults. Reads only the form in which ours is written.
function readInputs(text) {
  const section = text.slice(text.indexOf('\ninputs:\n'), text.indexOf('\noutputs:\n'))
  const inputs = {}
  for (const [, name, body] of section.matchAll(/^ {2}([a-z_-]+):\n((?: {4}.*\n)+)/gm)) {
    inputs[name] = /^ {4}default: (.*)$/m.exec(body)?.[1] ?? ''
  }
  return inputs
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

// Starts the API on a free port. Stop it with `stop`.
function startSandbox() {
  const child = spawn(SANDBOX, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const found = /listening on (\S+)\napi key (\S+)\n/.exec(text)
      if (found) resolve(new Sandbox(child, found[1], found[2]))
    })
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`the sandbox ended: ${text}`)))
  })
}

class Sandbox {
  constructor(child, url, key) {
    Object.assign(this, { child, url, key })
  }

  async admin(method, name, body) {
    const reply = await fetch(`${this.url}/_sandbox/${name}`, { method, body: body && JSON.stringify(body) })
    if (!reply.ok) throw new Error(`${method} ${name}: ${reply.status} ${await reply.text()}`)
    return reply.text()
  }

  // The status of each event that was received.
  async statuses() {
    const requests = JSON.parse(await this.admin('GET', 'requests'))
    return requests.map(({ body }) => body.status)
  }

  stop() {
    this.child.kill()
  }
}

// A job on a runner with a release of the Action.
class Job {
  constructor(sandbox) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'deploy-test-'))
    this.action = path.join(this.dir, 'action')
    fs.cpSync(path.join(ROOT, 'deploy'), path.join(this.action, 'deploy'), { recursive: true })
    fs.copyFileSync(path.join(ROOT, 'Cargo.toml'), path.join(this.action, 'Cargo.toml'))
    for (const name of ['temp', 'cache', 'home']) fs.mkdirSync(path.join(this.dir, name))
    fs.copyFileSync(BINARY, path.join(this.action, FILE))
    const sums = `${'0'.repeat(64)}  other\n${sha256(fs.readFileSync(BINARY))}  ${FILE}\n`
    fs.writeFileSync(path.join(this.action, 'checksums.txt'), sums)
    this.state = {}
    this.env = {}
    this.inputs = { ...readInputs(fs.readFileSync(path.join(ROOT, 'deploy/action.yml'), 'utf8')) }
    this.with({ api_key: sandbox.key, 'api-url': sandbox.url, version: '1.4.2', environment: 'production' })
  }

  with(inputs) {
    for (const [name, value] of Object.entries(inputs)) {
      if (!(name in this.inputs)) throw new Error(`the Action has no input ${name}`)
      this.inputs[name] = value
    }
    return this
  }

  path(name) {
    return path.join(this.dir, name)
  }

  // The environment of one of the scripts. `job.status` is what the expression in the default of job_status gives.
  environment(name, jobStatus) {
    const env = {
      PATH: process.env.PATH, HOME: this.path('home'), CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'octo/shop',
      GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567', GITHUB_REF: 'refs/heads/main', GITHUB_RUN_ID: '1234567890',
      GITHUB_RUN_NUMBER: '42', GITHUB_RUN_ATTEMPT: '1', GITHUB_JOB: 'deploy', GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_ACTOR: 'mona', RUNNER_TEMP: this.path('temp'), RUNNER_TOOL_CACHE: this.path('cache'),
      GITHUB_OUTPUT: this.path(`${name}.output`), GITHUB_STATE: this.path(`${name}.state`),
      GITHUB_STEP_SUMMARY: this.path(`${name}.summary`), ...this.env,
    }
    for (const [input, value] of Object.entries(this.inputs)) {
      env[`INPUT_${input.replaceAll(' ', '_').toUpperCase()}`] = value.replace('${{ job.status }}', jobStatus)
    }
    for (const [key, value] of Object.entries(this.state)) env[`STATE_${key}`] = value
    return env
  }

  // Starts one of the scripts. The runner reads the log line by line, and the files when the script has ended.
  start(name, jobStatus = 'success') {
    const env = this.environment(name, jobStatus)
    for (const file of [env.GITHUB_OUTPUT, env.GITHUB_STATE, env.GITHUB_STEP_SUMMARY]) fs.writeFileSync(file, '')
    const child = spawn(process.execPath, [path.join(this.action, 'deploy', `${name}.js`)], { env, cwd: this.dir })
    const result = { child, log: '', waiters: [] }
    const collect = (chunk) => {
      result.log += chunk
      result.waiters = result.waiters.filter(({ pattern, resolve }) => !(pattern.test(result.log) && (resolve(), true)))
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    result.logged = (pattern) => new Promise((resolve) => {
      result.waiters.push({ pattern, resolve })
      collect('')
    })
    result.ended = new Promise((resolve) => child.on('close', (code, signal) => {
      const read = (file) => fs.readFileSync(file, 'utf8')
      Object.assign(this.state, parseFile(read(env.GITHUB_STATE)))
      const { log } = result
      resolve({ code, signal, log, outputs: parseFile(read(env.GITHUB_OUTPUT)), summary: read(env.GITHUB_STEP_SUMMARY) })
    }))
    return result
  }

  main() {
    return this.start('main').ended
  }

  post(jobStatus) {
    return this.start('post', jobStatus).ended
  }

  // Everything that this job's programs left on disk.
  files() {
    return fs.readdirSync(this.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
  }

  remove() {
    fs.rmSync(this.dir, { recursive: true })
  }
}

// The pairs in a file for outputs or state (actions/runner, FileCommandManager.cs).
function parseFile(text) {
  const pairs = {}
  const lines = text.split('\n')
  while (lines.length > 0) {
    const line = lines.shift()
    const heredoc = /^([^=]+?)<<(.+)$/.exec(line)
    if (heredoc) {
      const end = lines.indexOf(heredoc[2])
      pairs[heredoc[1]] = lines.splice(0, end + 1).slice(0, -1).join('\n')
    } else if (line !== '') {
      const at = line.indexOf('=')
      if (at < 1) throw new Error(`invalid format: ${line}`)
      pairs[line.slice(0, at)] = line.slice(at + 1)
    }
  }
  return pairs
}

module.exports = { BINARY, FILE, Job, ROOT, sha256, startSandbox }
