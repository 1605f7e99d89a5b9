'use strict'

const { existsSync, realpathSync, statSync } = require('node:fs')
const { homedir, userInfo } = require('node:os')
const { dirname, isAbsolute, join, resolve } = require('node:path')
const { Complaint } = require('./complaint.cjs')
const { whoElseMayWrite } = require('./own-place.cjs')

const { version: VERSION } = require('../package.json')

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
  const path = resolve(named)
  const problem = whyNotNamed(path)
  if (problem === undefined) {
    delete process.env.OPENWORK_ORCHESTRATOR_BIN_PATH // or another launcher there would follow it once more
    return path
  }
  throw new Complaint(
    `OPENWORK_ORCHESTRATOR_BIN_PATH names ${named}, ${problem}`,
    'Correct it, or unset it to run the executable that belongs to this package.',
  )
}

function whyNotNamed(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 'which does not exist'
  if (!found.isFile()) return 'which is not a file'
  const isLauncher = realpathSync(path) === join(realpathSync(ROOT), 'bin', 'openwork.cjs')
  return isLauncher ? 'which is the launcher that looks for it' : undefined
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

/**
 * Node's own resolution: it follows npm, pnpm's links and Yarn's PnP alike, in local and global places. It also looks in
 * places that have nothing to do with this installation, so another version is none.
 */
function inPackage(name) {
  try {
    const manifest = require.resolve(`${name}/package.json`)
    return require(manifest).version === VERSION ? join(dirname(manifest), 'bin', FILE) : undefined
  } catch (error) {
    // The second is what PnP says of an optional dependency that was left out.
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'UNDECLARED_DEPENDENCY') return undefined
    throw error
  }
}

const isZipped = path => /\.zip[\\/]/.test(path)

/** Where a fetched executable goes: into this package, or to openwork's data when the package cannot be written. */
function fetchFolders() {
  const data = dataFolder()
  return [join(ROOT, 'dist', 'bin'), ...(data === undefined ? [] : [join(data, 'bin', VERSION)])]
}

/** As the executable has it; undefined for somebody without a home folder. */
function dataFolder() {
  const named = process.env.OPENWORK_DATA_DIR?.trim()
  if (named && !/^~(?=$|[\\/])/.test(named)) return resolve(named)
  const home = homeFolder()
  if (home === undefined) return undefined
  return named ? join(home, named.slice(1)) : join(home, '.openwork', META)
}

/** Never a relative one, which an empty HOME is: it would be a folder of the workspace. */
function homeFolder() {
  for (const find of [homedir, () => userInfo().homedir]) {
    try {
      const home = find()
      if (isAbsolute(home)) return home
    } catch {
      // neither HOME nor an entry for this user
    }
  }
  return undefined
}

/**
 * It was hashed before it got this name. Hashing 100 MB on every start would cost more than the start, and protect from
 * nobody: who can write to this package can replace this script, and a home folder counts when nobody else can write
 * there. The size notices a disk that was full or failed.
 */
function isFetched(path) {
  if (!existsSync(path) || statSync(path).size !== wantedFile()?.size) return false
  return path.startsWith(ROOT) || whoElseMayWrite(path) === undefined
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
