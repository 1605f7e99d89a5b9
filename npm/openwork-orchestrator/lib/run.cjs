'use strict'

const { accessSync, closeSync, constants: modes, openSync, readSync } = require('node:fs')
const { Complaint, complain } = require('./complaint.cjs')

/** Becomes the program where Node can do that, so that nothing of us is left running; else stands between it and the caller. */
function runExecutable(path, args) {
  if (process.execve && isProgram(path)) process.execve(path, [path, ...args], process.env)
  else runAsChild(path, args)
}

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
    return /^(7f454c46|cffaedfe|cafebabe|2321)/.test(start.toString('hex')) // ELF, Mach-O of one and of several CPUs, #!
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
    complain(
      new Complaint(
        `${path} does not start: ${error.message}`,
        'Install openwork-orchestrator again, or name another executable with OPENWORK_ORCHESTRATOR_BIN_PATH.',
      ),
    )
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + require('node:os').constants.signals[signal]
  })
}

module.exports = { runExecutable }
