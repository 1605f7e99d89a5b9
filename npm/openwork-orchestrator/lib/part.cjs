'use strict'

const { createHash } = require('node:crypto')
const fs = require('node:fs')

const READ_BYTES = 1024 * 1024

/** A file that is arriving, hashed as it grows. Its bytes outlive their process: the next one goes on with them. */
class Part {
  constructor(path) {
    this.path = path
    this.file = fs.openSync(path, 'w', 0o755)
    this.bytes = 0
    this.hash = createHash('sha256')
  }

  /**
   * Takes over what an earlier process left in a file, and removes that. By copying: one that was only taken for dead
   * may still be writing to it, and it has to be read for its hash anyway.
   */
  adopt(path) {
    const left = fs.openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(READ_BYTES)
      for (let read = 1; read > 0; ) {
        read = fs.readSync(left, buffer)
        this.append(buffer.subarray(0, read))
      }
    } finally {
      fs.closeSync(left)
      fs.rmSync(path, { force: true })
    }
  }

  append(chunk) {
    for (let at = 0; at < chunk.length; ) at += fs.writeSync(this.file, chunk, at, chunk.length - at, this.bytes + at)
    this.hash.update(chunk)
    this.bytes += chunk.length
  }

  clear() {
    fs.ftruncateSync(this.file)
    this.hash = createHash('sha256')
    this.bytes = 0
  }

  get sha256() {
    return this.hash.copy().digest('hex')
  }

  close() {
    fs.closeSync(this.file)
  }
}

module.exports = { Part }
