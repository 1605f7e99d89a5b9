'use strict'

const fs = require('node:fs')
const { constants } = require('node:os')
const { basename, dirname, join } = require('node:path')
const { tell } = require('./progress.cjs')

const POLL_MS = 200
/** Whoever holds a lock touches it this often; one that is not touched for much longer was left by a killed process. */
const TOUCH_MS = 1_000
const STALE_MS = 10_000

/**
 * Does `work(scratch)`, in a fresh folder beside `target`, unless `isDone()`; waits while another process does it. The
 * lock only saves the second download: the work must end in a rename, so that two at once are harmless as well.
 * Folder and lock are gone afterwards, also when a signal ends the process. `rescue(scratch)` may take something out
 * before: of our folder whatever the end was, and of one that a killed process left.
 */
async function exclusively(target, { isDone, work, rescue }) {
  const lock = `${target}.lock`
  if (!(await acquire(lock, isDone))) return
  const prefix = `.${basename(target)}-`
  for (const abandoned of findAbandoned(dirname(target), prefix)) {
    rescue(abandoned)
    fs.rmSync(abandoned, { recursive: true, force: true })
  }
  const scratch = fs.mkdtempSync(join(dirname(target), prefix))
  const cleanUp = () => {
    rescue(scratch)
    fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
    fs.rmSync(lock, { force: true })
  }
  const touching = setInterval(() => touch(lock), TOUCH_MS)
  const restore = onSignal(signal => {
    cleanUp()
    process.exit(128 + constants.signals[signal])
  })
  try {
    if (!isDone()) await work(scratch)
  } catch (error) {
    if (!isDone()) throw error // or we were taken for dead, and another process has done it
  } finally {
    clearInterval(touching)
    restore()
    cleanUp()
  }
}

/** Whether it is ours now; false when another process has done it meanwhile. */
async function acquire(lock, isDone) {
  let [seen, unchangedSince] = [undefined, Date.now()]
  for (let tries = 0; ; tries += 1) {
    try {
      fs.closeSync(fs.openSync(lock, 'wx'))
      return true
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (tries === 1) tell('Another openwork fetches its executable: waiting for that one …\n')
    // It may be another machine's clock that it was touched by: one that is ahead of ours never gets old.
    const touched = fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (touched !== seen) [seen, unchangedSince] = [touched, Date.now()]
    if (Date.now() - Math.min(unchangedSince, touched ?? unchangedSince) > STALE_MS) {
      fs.rmSync(lock, { recursive: true, force: true })
      continue
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
    if (isDone()) return false
  }
}

/** What killed processes left. Not what is new: of two that saw the same stale lock, both may now believe it theirs. */
function findAbandoned(folder, prefix) {
  const paths = fs.readdirSync(folder).filter(name => name.startsWith(prefix))
  return paths.map(name => join(folder, name)).filter(isOld)
}

/** Whether nobody has touched it for long. */
function isOld(path) {
  return Date.now() - (fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > STALE_MS
}

function touch(path) {
  try {
    fs.utimesSync(path, new Date(), new Date())
  } catch (error) {
    if (error.code !== 'ENOENT') throw error // taken away by one that saw us stand still: harmless
  }
}

/** Calls `end` on the signals that end a process; returns how to stop that. */
function onSignal(end) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, end)
  return () => {
    for (const signal of signals) process.removeListener(signal, end)
  }
}

module.exports = { exclusively, isOld }
