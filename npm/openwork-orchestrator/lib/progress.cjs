'use strict'

const { writeSync } = require('node:fs')
const { isatty } = require('node:tty')

const STDERR = 2
const EVERY_MS = 100

/**
 * One line on stderr: kept up to date in a terminal, written once elsewhere, where it may be as long as it likes. stdout
 * belongs to the program.
 */
function startProgress({ what, from, totalBytes }) {
  const total = (totalBytes / 1e6).toFixed(0)
  if (!isatty(STDERR)) {
    write(`${what} from ${from} (${total} MB)\n`)
    return { at() {}, end() {} }
  }
  let shownAt = 0
  const show = text => write(`\r\x1b[K${text}`)
  const leave = () => write('\n')
  process.once('exit', leave) // ^C, and the prompt gets a line of its own
  show(`${what} …`)
  return {
    at(bytes) {
      if (Date.now() - shownAt < EVERY_MS) return
      shownAt = Date.now()
      show(`${what}: ${(bytes / 1e6).toFixed(0)} of ${total} MB`)
    },
    end() {
      process.removeListener('exit', leave)
      show('')
    },
  }
}

/** To stderr. Not by process.stderr: it would make the pipe non-blocking, also for the program that gets it next. */
function write(text) {
  try {
    writeSync(STDERR, text)
  } catch {
    // A closed or full stderr is no reason to end.
  }
}

module.exports = { startProgress, write }
