'use strict'
// Finds, verifies and runs the versioner binary, as entrypoint.sh does, but without a shell. Runs only what checksums.txt
// lists, or VERSIONER_BIN, the user's own choice.
const { spawn, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const ROOT = path.dirname(__dirname)
const FILES = {
  'linux x64': 'versioner-x86_64-unknown-linux-musl',
  'linux arm64': 'versioner-aarch64-unknown-linux-musl',
  'darwin x64': 'versioner-x86_64-apple-darwin',
  'darwin arm64': 'versioner-aarch64-apple-darwin',
  'win32 x64': 'versioner-x86_64-pc-windows-msvc.exe',
}
// Credentials of the runner itself, which scripts do not get either.
const RUNNER_SECRETS = /^ACTIONS_(RUNTIME_|RESULTS_URL$|CACHE_|ID_TOKEN_)/i
const INPUTS = /^(INPUT_|PLUGIN_|VERSIONER_API[_-]KEY)/i

// An error with the title and text of its annotation.
const failure = (title, text) => Object.assign(new Error(text), { title })
const oneLine = (text) => text.replace(/\s+/g, ' ').trim()
const envWithout = (...hidden) =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !hidden.some((names) => names.test(name))))
const isRegular = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile()

// The SHA-256 that checksums.txt lists for `file`, and the version in Cargo.toml.
function expected(file) {
  const sums = path.join(ROOT, 'checksums.txt')
  if (!isRegular(sums)) {
    throw failure('Not a release of versioner/action', 'This is a checkout of the source: it has no checksums.txt. ' +
      'Use versioner/action/deploy@v1, or run cargo build --release and set VERSIONER_BIN to the binary.')
  }
  const lines = fs.readFileSync(sums, 'utf8').split(/\r?\n/).map((line) => line.split(/ [ *]/))
  const sum = lines.find(([, name]) => name === file)?.[0] ?? ''
  if (sum.length !== 64) throw failure('Cannot verify versioner', `checksums.txt has no SHA-256 of ${file}. Use a release.`)
  return { sum, version: fs.readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8').match(/^version = "(.*)"/m)[1] }
}

function download(url, origin) {
  const args = ['-fsSL', '--retry', '3', '--connect-timeout', '20', '--max-time', '300', '--url', url]
  const curl = spawnSync('curl', args, { env: envWithout(INPUTS, RUNNER_SECRETS), maxBuffer: 64 * 1024 * 1024 })
  if (curl.status === 0) return curl.stdout
  throw failure('Cannot download versioner', `${origin}: ${curl.error?.message ?? curl.stderr}. Install curl. Set ` +
    'HTTPS_PROXY if the runner needs a proxy. Without internet access, set VERSIONER_DOWNLOAD_URL to a mirror, or put the ' +
    "file into the runner's tool cache: see the README.")
}

// The path of a private copy of the verified binary. What is hashed is what runs: other programs can write to the cache.
function verifiedCopy() {
  const platform = `${process.platform} ${process.arch}`
  const file = FILES[platform]
  if (!file) throw failure('Unsupported platform', `No binary for '${platform}'. Build it, and set VERSIONER_BIN.`)
  const { sum, version } = expected(file)
  const cached = path.join(process.env.RUNNER_TOOL_CACHE || os.devNull, 'versioner', version, process.arch, file)
  const local = [process.env.STATE_binary, path.join(ROOT, file), cached].find((name) => name && isRegular(name))
  const mirror = process.env.VERSIONER_DOWNLOAD_URL || 'https://github.com/versioner/action/releases/download'
  const url = `${mirror}/v${version}/${file}`
  const origin = local ?? url.replace(/^.*@/, '') // Without a mirror's password.
  const bytes = local ? fs.readFileSync(local) : download(url, origin)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== sum) {
    throw failure('Checksum mismatch', `${origin} was not run. Its SHA-256 is '${found}', but checksums.txt lists ` +
      `${sum}. Delete the file and re-run the job. If this recurs, find out who changed it.`)
  }
  const copy = path.join(fs.mkdtempSync(path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'versioner-')), file)
  fs.writeFileSync(copy, bytes, { mode: 0o700, flag: 'wx' })
  if (!local) {
    try { // Cache it for later jobs, by an atomic rename. A missing or read-only cache is not an error.
      fs.mkdirSync(path.dirname(cached), { recursive: true })
      fs.writeFileSync(`${cached}.${process.pid}`, bytes, { mode: 0o755 })
      fs.renameSync(`${cached}.${process.pid}`, cached)
    } catch {}
  }
  return copy
}

// Runs the binary with `inputs`, and exits with its exit code. `ready` gets its path before it starts.
function run(inputs, ready = () => {}) {
  const fail = (title, text) => {
    console.log(`::error title=${title}::${oneLine(text).replaceAll('%', '%25')}`)
    process.exitCode = 1
  }
  try {
    const chosen = process.env.VERSIONER_BIN
    if (chosen) console.error(oneLine(`versioner: running ${chosen} (VERSIONER_BIN), not verified`))
    const binary = chosen || verifiedCopy()
    ready(binary)
    let child
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      // On Windows, the console sends them to the child itself.
      process.on(signal, () => process.platform === 'win32' || child?.kill(signal))
    }
    child = spawn(binary, [], { env: { ...envWithout(RUNNER_SECRETS), ...inputs }, stdio: 'inherit' })
    child.on('error', (error) => fail('Cannot run versioner', `${binary}: ${error.message}.`))
    child.on('exit', (code, signal) => { process.exitCode = code ?? 128 + os.constants.signals[signal] })
  } catch (error) {
    fail(error.title ?? 'Cannot run versioner', error.message)
  }
}

module.exports = { run }
