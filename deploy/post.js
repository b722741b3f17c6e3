'use strict'
// The end: reports how the deployments that this job started ended. GitHub evaluates the inputs again for this script.
const { run } = require('./binary.js')

const { INPUT_RESULT: result, INPUT_JOB_STATUS: jobStatus } = process.env
if (process.env.STATE_binary) run({ INPUT_COMMAND: 'finish', INPUT_STATUS: result || jobStatus || '', INPUT_RUN: 'none' })
