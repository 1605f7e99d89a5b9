'use strict'

/** A failure that a user can do something about: what happened, and the next step. */
class Complaint extends Error {
  constructor(what, hint) {
    super(what)
    this.hint = hint
  }
}

/** Tells it on stderr and makes the process end with 1. What is not a complaint is a bug, and keeps its stack. */
function complain(error) {
  if (!(error instanceof Complaint)) throw error
  console.error(`openwork: ${error.message}`)
  if (error.hint) console.error(error.hint)
  process.exitCode = 1
}

module.exports = { Complaint, complain }
