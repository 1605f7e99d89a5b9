'use strict'

const { writeSync } = require('node:fs')
const { isatty } = require('node:tty')

const STDERR = 2
const EVERY_MS = 100
const CLEAR = '\r\x1b[K'

/**
 * One line on stderr: kept up to date in a terminal, the seconds too, so that nobody wonders whether it still lives;
 * written once elsewhere. stdout belongs to the program.
 */
function startProgress({ what, from, totalBytes }) {
  const total = (totalBytes / 1e6).toFixed(0)
  if (!isatty(STDERR)) {
    write(`${what} from ${from} (${total} MB)\n`)
    return { at() {}, end() {} }
  }
  const startedAt = Date.now()
  let shownAt = 0
  let sum = ''
  const show = () => {
    shownAt = Date.now()
    isLineOpen = true
    write(`${CLEAR}${what} from ${from}${sum}, ${Math.floor((shownAt - startedAt) / 1_000)} s`)
  }
  const leave = () => tell('')
  process.once('exit', leave) // ^C, and the prompt gets a line of its own
  show()
  const ticking = setInterval(show, 1_000)
  return {
    at(bytes) {
      sum = `: ${(bytes / 1e6).toFixed(0)} of ${total} MB`
      if (Date.now() - shownAt >= EVERY_MS) show()
    },
    end() {
      clearInterval(ticking)
      process.removeListener('exit', leave)
      write(CLEAR)
      isLineOpen = false
    },
  }
}

/** Whether the line stands there, and what is written next would go behind it. */
let isLineOpen = false

/** A line of its own on stderr, which ends the one that was kept up to date. */
function tell(text) {
  if (isLineOpen) write('\n')
  isLineOpen = false
  write(text)
}

/** To stderr. Not by process.stderr: it would make the pipe non-blocking, also for the program that gets it next. */
function write(text) {
  try {
    writeSync(STDERR, text)
  } catch {
    // A closed or full stderr is no reason to end.
  }
}

module.exports = { startProgress, tell }
