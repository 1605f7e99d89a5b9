'use strict'

const { accessSync, closeSync, constants: modes, openSync, readSync } = require('node:fs')
const { Complaint, complain } = require('./complaint.cjs')

/** Becomes the program where Node can do that, so that nothing of us is left running; else stands between it and the caller. */
function runExecutable(path, args) {
  if (process.execve && isProgram(path)) process.execve(path, [path, ...args], process.env)
  // The C library hands to a shell what the system does not take, an empty file for one.
  else if (process.platform !== 'win32' && mayRun(path) && !isProgram(path)) complain(notStarting(path, 'no program'))
  else runAsChild(path, args)
}

function mayRun(path) {
  try {
    accessSync(path, modes.X_OK)
    return true
  } catch {
    return false
  }
}

const notStarting = (path, reason) =>
  new Complaint(
    `${path} does not start: ${reason}`,
    'Install openwork-orchestrator again, or name another executable with OPENWORK_ORCHESTRATOR_BIN_PATH.',
  )

/** How a program begins, in hex: Mach-O of one and of several CPUs, or ELF; or with #!. */
const PROGRAM = process.platform === 'darwin' ? /^(cffaedfe|cafebabe|2321)/ : /^(7f454c46|2321)/

/**
 * Whether the system would take it: a refused execve does not throw, it ends Node with a stack dump (Node 22.15 to 24).
 * What is none of these is left to spawn, which reports.
 */
function isProgram(path) {
  try {
    accessSync(path, modes.X_OK)
    const file = openSync(path, 'r')
    const start = Buffer.alloc(4)
    readSync(file, start, 0, 4, 0)
    closeSync(file)
    return PROGRAM.test(start.toString('hex'))
  } catch {
    return false
  }
}

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']

/** Passes streams and signals on, and ends with its exit code, 128+n when signal n ended it. */
function runAsChild(path, args) {
  const { spawn } = require('node:child_process')
  let child
  // Before the child is there: it may run, and be meant by a signal, before the next line of ours is.
  for (const signal of process.platform === 'win32' ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : FORWARDED) {
    process.on(signal, () => {
      // ^C and ^\ in a terminal reach the child by themselves; a second one would mean: stop at once.
      const fromTerminal = (signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY
      if (!fromTerminal) child.kill(signal)
    })
  }
  child = spawn(path, args, { stdio: 'inherit' })
  child.on('error', error => {
    complain(notStarting(path, error.message))
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + require('node:os').constants.signals[signal]
  })
}

module.exports = { runExecutable }
