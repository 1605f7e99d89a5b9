'use strict'

const { realpathSync, statSync } = require('node:fs')
const { dirname } = require('node:path')

/**
 * Why somebody else could exchange the file at this path, or in this folder: it or a folder above it is theirs, or
 * everybody's. Undefined when nobody can but this user and root. Not asked on Windows, where a home folder is its user's.
 */
function whoElseMayWrite(path) {
  if (!process.getuid) return undefined
  for (let place = realpathSync(path); ; place = dirname(place)) {
    const { uid, mode } = statSync(place)
    if (uid !== 0 && uid !== process.getuid()) return `${place} belongs to another user (${uid})`
    // In a folder like /tmp everybody makes their own, and nobody takes away what is another's.
    if (mode & 0o002 && !(mode & 0o1000)) return `everybody may write to ${place}`
    if (place === dirname(place)) return undefined
  }
}

module.exports = { whoElseMayWrite }
