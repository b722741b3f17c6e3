'use strict'
// The deployment Action as GitHub runs it, against the sandbox and the built binary.
const assert = require('node:assert/strict')
const { test } = require('node:test')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { BINARY, FILE, Job, ROOT, sha256, startSandbox } = require('./github.js')

let sandbox

// A test with its own API and its own job.
function testJob(name, body) {
  test(name, async () => {
    sandbox = await startSandbox()
    const job = new Job(sandbox)
    try {
      await body(job)
    } finally {
      job.remove()
      sandbox.stop()
    }
  })
}

const RESULTS = [
  ['success', undefined, 'completed'],
  ['failure', undefined, 'failed'],
  ['cancelled', undefined, 'aborted'],
  ['success', 'failure', 'failed'],
  ['failure', 'success', 'completed'],
  ['failure', 'skipped', 'aborted'],
]
for (const [jobStatus, result, expected] of RESULTS) {
  testJob(`job ${jobStatus} with result ${result} is reported as ${expected}`, async (job) => {
    const main = await job.main()
    assert.equal(main.code, 0, main.log)
    assert.deepEqual([main.outputs.outcome, main.outputs.gate], ['recorded', 'passed'])
    assert.match(main.summary, /shop/)
    // GitHub evaluates the inputs again: the deploy step has an outcome by now.
    if (result) job.with({ result })
    const post = await job.post(jobStatus)
    assert.equal(post.code, 0, post.log)
    assert.deepEqual(await sandbox.statuses(), ['started', expected])
    assert.ok(!(main.log + post.log).includes(sandbox.key))
  })
}

testJob('a block fails the step with exit 5 and there is nothing to close', async (job) => {
  await sandbox.admin('POST', 'rules', { kind: 'schedule', name: 'freeze', ends_in_seconds: 3600 })
  const main = await job.main()
  assert.equal(main.code, 5, main.log)
  assert.equal(main.log.match(/^::error /gm).length, 1, main.log)
  assert.deepEqual([main.outputs.outcome, main.outputs.gate], ['blocked', 'blocked'])
  const post = await job.post('failure')
  assert.equal(post.code, 0, post.log)
  assert.deepEqual(await sandbox.statuses(), ['started'])
})

testJob('a start that may have been recorded is closed', async (job) => {
  await sandbox.admin('POST', 'script', [{ fault: 'close' }])
  const main = await job.with({ retries: '0' }).main()
  assert.equal(main.code, 1, main.log)
  await job.post('failure')
  assert.equal((await sandbox.statuses()).at(-1), 'failed')
})

testJob('a cancelled wait ends with SIGINT, and the end of the job closes nothing', async (job) => {
  await sandbox.admin('POST', 'rules', { kind: 'schedule', name: 'freeze', ends_in_seconds: 3600 })
  const main = job.with({ 'on-block': 'wait', 'wait-timeout': '2h' }).start('main')
  await main.logged(/waiting/)
  // The runner signals only the process that it started, and again after 7.5 s if that is still there.
  main.child.kill('SIGINT')
  const { code, log } = await main.ended
  assert.equal(code, 130, log)
  assert.equal((await job.post('cancelled')).code, 0)
  assert.deepEqual(await sandbox.statuses(), ['started'])
})

testJob('SIGTERM reaches a binary that ignores SIGINT', async (job) => {
  const binary = job.path('stubborn')
  fs.writeFileSync(binary, '#!/bin/sh\ntrap "echo interrupted" INT\ntrap "echo ended; exit 7" TERM\necho ready\nfor i in $(seq 600); do sleep 0.05; done\n', { mode: 0o755 })
  job.env.VERSIONER_BIN = binary
  const main = job.start('main')
  await main.logged(/ready/)
  main.child.kill('SIGINT')
  await main.logged(/interrupted/)
  main.child.kill('SIGTERM')
  const { code, log } = await main.ended
  assert.equal(code, 7, log)
  assert.match(log, /ended/)
})

testJob('a binary that dies by a signal gives 128 and its number', async (job) => {
  const binary = job.path('dies')
  fs.writeFileSync(binary, '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 })
  job.env.VERSIONER_BIN = binary
  assert.equal((await job.main()).code, 137)
})

testJob('the binary gets the inputs, and none of the credentials of the runner', async (job) => {
  const binary = job.path('env')
  fs.writeFileSync(binary, '#!/bin/sh\nenv\n', { mode: 0o755 })
  const secrets = ['ACTIONS_RUNTIME_TOKEN', 'ACTIONS_RUNTIME_URL', 'ACTIONS_RESULTS_URL', 'ACTIONS_CACHE_URL',
    'ACTIONS_CACHE_SERVICE_V2', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_URL']
  Object.assign(job.env, { VERSIONER_BIN: binary, VERSIONER_RUN: 'evil' }, Object.fromEntries(secrets.map((name) => [name, 'secret'])))
  for (const [script, expected] of [
    ['main', ['INPUT_COMMAND=track', 'INPUT_STATUS=started', 'INPUT_EVENT_TYPE=deployment', 'INPUT_RUN=none', 'INPUT_VERSION=1.4.2']],
    ['post', ['INPUT_COMMAND=finish', 'INPUT_STATUS=failure', 'INPUT_RUN=none', `INPUT_API_KEY=${sandbox.key}`]],
  ]) {
    const { log, code } = await job.start(script, 'failure').ended
    assert.equal(code, 0, log)
    const lines = log.split('\n')
    assert.ok(lines.includes(`versioner: running ${binary} (VERSIONER_BIN), not verified`), log)
    for (const line of expected) assert.ok(lines.includes(line), `${line}: ${log}`)
    assert.ok(!log.includes('secret'), log)
  }
})

testJob('what does not match checksums.txt is not run, and the end of the job does nothing', async (job) => {
  const marker = job.path('ran')
  fs.writeFileSync(path.join(job.action, FILE), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 })
  const main = await job.main()
  assert.equal(main.code, 1)
  assert.match(main.log, /^::error title=Checksum mismatch::.* was not run\. Its SHA-256 is '[0-9a-f]{64}', but/)
  assert.equal(fs.existsSync(marker), false)
  assert.deepEqual([(await job.post('failure')).log, await sandbox.statuses()], ['', []])
})

testJob('a copy that was changed after the gate is not run', async (job) => {
  assert.equal((await job.main()).code, 0)
  fs.appendFileSync(job.state.binary, 'x')
  const post = await job.post('success')
  assert.equal(post.code, 1)
  assert.match(post.log, /^::error title=Checksum mismatch::/)
})

testJob('the copy that runs is private', async (job) => {
  await job.main()
  assert.equal(fs.statSync(job.state.binary).mode & 0o777, 0o700)
  assert.equal(fs.statSync(path.dirname(job.state.binary)).mode & 0o777, 0o700)
  assert.ok(job.state.binary.startsWith(job.path('temp')))
  assert.ok(!job.files().some((file) => fs.readFileSync(file).includes(sandbox.key)))
})

for (const [title, change, expected] of [
  ['a checkout of the source', (job) => fs.rmSync(path.join(job.action, 'checksums.txt')), 'Not a release of versioner/action'],
  ['a release without this platform', (job) => fs.writeFileSync(path.join(job.action, 'checksums.txt'), 'x  y\n'), 'Cannot verify versioner'],
  ['a VERSIONER_BIN that does not exist', (job) => { job.env.VERSIONER_BIN = '/no/such%0A\n::file' }, 'Cannot run versioner'],
]) {
  testJob(`${title} is one error`, async (job) => {
    change(job)
    const { code, log } = await job.main()
    assert.equal(code, 1, log)
    const commands = log.split('\n').filter((line) => line.startsWith('::'))
    assert.equal(commands.length, 1, log)
    assert.ok(commands[0].startsWith(`::error title=${expected}::`) && !commands[0].includes('%0A'), log)
  })
}

testJob('the binary is downloaded from the mirror once, and comes from the cache after that', async (job) => {
  fs.rmSync(path.join(job.action, FILE))
  const asked = []
  const version = /^version = "(.*)"/m.exec(fs.readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8'))[1]
  const mirror = http.createServer((request, reply) => {
    asked.push([request.url, request.headers.authorization])
    reply.end(fs.readFileSync(BINARY))
  })
  await new Promise((resolve) => mirror.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = mirror.address()
    job.env.VERSIONER_DOWNLOAD_URL = `http://user:hunter2@127.0.0.1:${port}/mirror`
    for (const script of ['main', 'post', 'main']) {
      job.state = script === 'post' ? { binary: 'gone' } : {}
      const { code, log } = await job.start(script).ended
      assert.equal(code, 0, log)
      assert.ok(!log.includes('hunter2'), log)
    }
    const cached = path.join(job.path('cache'), 'versioner', version, process.arch, FILE)
    assert.equal(sha256(fs.readFileSync(cached)), sha256(fs.readFileSync(BINARY)))
    assert.deepEqual(asked, [[`/mirror/v${version}/${FILE}`, `Basic ${btoa('user:hunter2')}`]])
    // The cache belongs to others as well, so it is verified.
    fs.appendFileSync(cached, 'x')
    job.state = {}
    assert.match((await job.main()).log, /^::error title=Checksum mismatch::.*cache/)
  } finally {
    mirror.close()
  }
})

testJob('a download that fails is one error without the password', async (job) => {
  fs.rmSync(path.join(job.action, FILE))
  job.env.VERSIONER_DOWNLOAD_URL = 'http://user:hunter2@127.0.0.1:1/mirror'
  const { code, log } = await job.main()
  assert.equal(code, 1)
  assert.match(log, /^::error title=Cannot download versioner::127\.0\.0\.1:1\/mirror\/.*\n$/)
  assert.ok(!log.includes('hunter2'), log)
})
