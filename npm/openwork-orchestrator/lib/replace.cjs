'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const { basename, dirname, join } = require('node:path')
const { ROOT } = require('./find.cjs')

const TRIAL_LIMIT_MS = 10_000

/**
 * Puts the executable in the launcher's place, so that the command starts without Node. Only where the manager's command
 * is a symbolic link to that file, as npm's and Bun's are: pnpm and Yarn write shell scripts that run `node` with it, and
 * Windows has such scripts only. And only below node_modules: elsewhere the folder is somebody's source.
 */
function replaceLauncher(executable, { version, userAgent = '' }) {
  const isLinked = process.platform !== 'win32' && /^(npm|bun)\//.test(userAgent)
  if (!isLinked || basename(dirname(ROOT)) !== 'node_modules') return false
  const launcher = join(ROOT, 'bin', 'openwork.cjs')
  const folder = fs.mkdtempSync(join(ROOT, '.replace-'))
  try {
    const replacement = join(folder, 'openwork')
    linkOrCopy(executable, replacement)
    const trial = spawnSync(replacement, ['--version'], { encoding: 'utf8', timeout: TRIAL_LIMIT_MS })
    if (trial.stdout?.trim() !== version) return false
    fs.renameSync(replacement, launcher)
    return true
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** A link costs no space. Not every file system has them, nor do they reach into another one. */
function linkOrCopy(from, to) {
  try {
    fs.linkSync(from, to)
  } catch {
    fs.copyFileSync(from, to)
    fs.chmodSync(to, 0o755)
  }
}

module.exports = { replaceLauncher }
