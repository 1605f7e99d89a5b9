#!/usr/bin/env node
// Runs the openwork executable of this platform, and ends as it ends. Without one, it fetches it first.
'use strict'

const { findExecutable } = require('../lib/find.cjs')
const { runExecutable } = require('../lib/run.cjs')
const { complain } = require('../lib/complaint.cjs')

start().catch(complain)

async function start() {
  // What a first run alone needs is loaded by a first run alone.
  runExecutable(findExecutable() ?? (await require('../lib/fetch.cjs').fetchExecutable()), process.argv.slice(2))
}
