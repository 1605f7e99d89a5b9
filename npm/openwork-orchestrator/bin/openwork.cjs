#!/usr/bin/env node
// Runs the openwork executable of this platform, and ends as it ends.
'use strict'

const { spawn } = require('node:child_process')
const { existsSync } = require('node:fs')
const { constants } = require('node:os')
const { dirname, join } = require('node:path')

const PLATFORM = { darwin: 'darwin', linux: 'linux', win32: 'windows' }
const FILE = process.platform === 'win32' ? 'openwork.exe' : 'openwork'
const PACKAGE = `openwork-orchestrator-${PLATFORM[process.platform] ?? process.platform}-${process.arch}`
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP']

const executable = findExecutable()
if (executable) run(executable)
else process.exitCode = 1

/** The path, or undefined when there is none, which it has then explained. */
function findExecutable() {
  const named = process.env.OPENWORK_ORCHESTRATOR_BIN_PATH
  if (named) {
    if (existsSync(named)) return named
    return complain(`OPENWORK_ORCHESTRATOR_BIN_PATH names ${named}, which does not exist`)
  }
  const found = [...inPackages(), join(__dirname, '..', 'dist', 'bin', FILE)].find(path => existsSync(path))
  if (found) return found
  const { version } = require('../package.json')
  const wanted = process.platform === 'linux' && isMusl() ? `${PACKAGE}-musl` : PACKAGE
  return complain(
    `the package ${wanted} with the executable for this machine is not installed`,
    `Run \`npm install -g openwork-orchestrator@${version} ${wanted}@${version}\`: npm leaves it out when it is told to ` +
      'omit optional dependencies. Or name an executable with OPENWORK_ORCHESTRATOR_BIN_PATH.',
  )
}

/** Where the platform packages have theirs. A package manager that does not know `libc` installs those for both C libraries. */
function inPackages() {
  const found = [PACKAGE, `${PACKAGE}-musl`].map(inPackage).filter(path => path !== undefined)
  return found.length > 1 && isMusl() ? found.reverse() : found
}

/** Whether this Node, so this system, uses musl: a report names the version of glibc where there is one. */
function isMusl() {
  process.report.excludeNetwork = true // or it looks up names of open connections, which takes time
  return process.report.getReport().header.glibcVersionRuntime === undefined
}

function inPackage(name) {
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin', FILE)
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function run(path) {
  const child = spawn(path, process.argv.slice(2), { stdio: 'inherit' })
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // ^C in a terminal reaches the child by itself; a second one would mean: stop at once.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', error => {
    complain(`${path} does not start: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal]
  })
}

function complain(what, hint) {
  console.error(`openwork: ${what}`)
  if (hint) console.error(hint)
}
