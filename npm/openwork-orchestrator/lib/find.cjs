'use strict'

const { existsSync, statSync } = require('node:fs')
const { homedir } = require('node:os')
const { dirname, join, resolve } = require('node:path')
const { Complaint } = require('./complaint.cjs')

const META = 'openwork-orchestrator'
const ROOT = join(__dirname, '..')
const FILE = process.platform === 'win32' ? 'openwork.exe' : 'openwork'
const OS = { darwin: 'darwin', linux: 'linux', win32: 'windows' }
const NAME = `${OS[process.platform] ?? process.platform}-${process.arch}`

/**
 * The executable to run, undefined when it has to be fetched: the one the user names, else that of the platform
 * package, else one that was fetched before.
 */
function findExecutable() {
  const named = process.env.OPENWORK_ORCHESTRATOR_BIN_PATH
  if (!named) return findInstalled()
  if (existsSync(named)) return named
  throw new Complaint(
    `OPENWORK_ORCHESTRATOR_BIN_PATH names ${named}, which does not exist`,
    'Correct it, or unset it to run the executable that belongs to this package.',
  )
}

function findInstalled() {
  // A Yarn that keeps packages zipped shows us paths into the zip: they can be read, but nothing there can be started.
  return (
    inPackages().find(path => !isZipped(path)) ??
    fetchFolders()
      .map(folder => join(folder, FILE))
      .find(isFetched)
  )
}

/** Executables of platform packages, the right one first. A manager that does not know `libc` installs both of Linux. */
function inPackages() {
  const found = [NAME, `${NAME}-musl`]
    .map(platform => inPackage(`${META}-${platform}`))
    .filter(path => path !== undefined && existsSync(path))
  return found.length > 1 && isMusl() ? found.reverse() : found
}

/** Node's own resolution: it follows npm, pnpm's links and Yarn's PnP alike, in local and global places. */
function inPackage(name) {
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin', FILE)
  } catch (error) {
    // The second is what PnP says of an optional dependency that was left out.
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'UNDECLARED_DEPENDENCY') return undefined
    throw error
  }
}

const isZipped = path => /\.zip[\\/]/.test(path)

/** Where a fetched executable goes: into this package, or to openwork's data when the package cannot be written. */
function fetchFolders() {
  const { version } = require('../package.json')
  return [join(ROOT, 'dist', 'bin'), join(dataFolder(), 'bin', version)]
}

/** As the executable has it. */
function dataFolder() {
  const named = process.env.OPENWORK_DATA_DIR?.trim()
  if (!named) return join(homedir(), '.openwork', META)
  return resolve(named.replace(/^~(?=$|[\\/])/, homedir()))
}

/**
 * It was hashed before it got this name. Hashing 100 MB on every start would cost more than the start, and protect from
 * nobody: who can write to these folders can replace this script. The size notices a disk that was full or failed.
 */
function isFetched(path) {
  return existsSync(path) && statSync(path).size === wantedFile()?.size
}

/**
 * What this machine needs: `asset` of the release and `file` in `package`, with the `sha256` and `size` of both.
 * Undefined where there is no build for it.
 */
function wantedFile() {
  return require('../checksums.json')[platformName()]
}

/** As in the names of packages and release files: `linux-x64`, `linux-arm64-musl`, `windows-x64`. */
function platformName() {
  return process.platform === 'linux' && isMusl() ? `${NAME}-musl` : NAME
}

let musl

/** Whether this Node, so this system, uses musl: a report names the version of glibc where there is one. */
function isMusl() {
  if (musl === undefined) {
    process.report.excludeNetwork = true // or it looks up the names of open connections, which takes time
    musl = process.report.getReport().header.glibcVersionRuntime === undefined
  }
  return musl
}

module.exports = {
  FILE,
  ROOT,
  fetchFolders,
  findExecutable,
  findInstalled,
  inPackages,
  isFetched,
  isZipped,
  platformName,
  wantedFile,
}
