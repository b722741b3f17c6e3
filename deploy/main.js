'use strict'
// The gate: reports that the deployment starts, and fails if a rule blocks it.
const { appendFileSync } = require('node:fs')
const { run } = require('./binary.js')

const gate = { INPUT_COMMAND: 'track', INPUT_EVENT_TYPE: 'deployment', INPUT_STATUS: 'started', INPUT_RUN: 'none' }
// Without a binary there is nothing to close, and post.js does nothing.
run(gate, (binary) => appendFileSync(process.env.GITHUB_STATE, `binary=${binary.replace(/\s+/g, ' ')}\n`))
