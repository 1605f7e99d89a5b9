'use strict'

const fs = require('node:fs')
const { basename, dirname, join } = require('node:path')
const { isOld } = require('./lock.cjs')

/**
 * Removes the folders of other versions beside `folder`, which each hold 100 MB, but the newest one: it was in use until
 * now, and is what somebody goes back to. Not one that is being fetched. What cannot be removed stays.
 */
function removeOtherVersions(folder) {
  const parent = dirname(folder)
  const others = fs
    .readdirSync(parent)
    .filter(name => /^\d+\.\d+\.\d+/.test(name) && name !== basename(folder))
    .map(name => join(parent, name))
    .filter(path => !fs.readdirSync(path).some(name => name.endsWith('.lock') && !isOld(join(path, name))))
    .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)
  for (const path of others.slice(1)) fs.rmSync(path, { recursive: true, force: true })
}

module.exports = { removeOtherVersions }
