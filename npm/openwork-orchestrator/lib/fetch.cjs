'use strict'

const fs = require('node:fs')
const { dirname, join } = require('node:path')
const { promisify } = require('node:util')
const { Complaint } = require('./complaint.cjs')
const { SourceFailure } = require('./failure.cjs')
const { FILE, ROOT, fetchFolders, inPackages, isFetched, isZipped, platformName, wantedFile } = require('./find.cjs')
const { exclusively } = require('./lock.cjs')
const { fromNpm } = require('./npm.cjs')
const { whoElseMayWrite } = require('./own-place.cjs')
const { Part } = require('./part.cjs')
const { startProgress, tell } = require('./progress.cjs')
const { removeOtherVersions } = require('./prune.cjs')
const { persist } = require('./retry.cjs')
const { fromUrl, withoutCredentials } = require('./url.cjs')

const fsync = promisify(fs.fsync)
const { version } = require('../package.json')
const RELEASE_URL = `https://github.com/different-ai/openwork/releases/download/openwork-orchestrator-v${version}`

/**
 * Fetches the executable for this machine and resolves to its path. It gets its name only when size and hash are those
 * in checksums.json: a mirror can fail, it cannot lie. Two at once fetch it once. Whatever ends it in the middle, what had
 * arrived is kept beside the target, and the next one goes on with it.
 */
async function fetchExecutable() {
  const wanted = wantedFile()
  if (!wanted) throw unsupported()
  const folder = findWritable(wanted)
  const target = join(folder, FILE)
  const partName = `openwork-${version}-${platformName()}.part`
  const kept = join(folder, partName)
  let ours
  await exclusively(target, {
    isDone: () => isFetched(target),
    work: async scratch => {
      ours = scratch
      const complete = join(scratch, partName)
      await fetchInto(complete, kept, wanted, scratch)
      fs.renameSync(complete, target)
    },
    rescue: scratch => {
      const left = join(scratch, partName)
      const bytes = sizeOf(left)
      if (bytes <= sizeOf(kept)) return
      fs.renameSync(left, kept)
      const [some, all] = [bytes, wanted.size].map(each => (each / 1e6).toFixed(0))
      if (scratch === ours) tell(`openwork: ${some} of ${all} MB are kept, the next run goes on with them.\n`)
    },
  })
  if (!isOurs(folder)) tryTo(() => removeOtherVersions(folder))
  return target
}

const sizeOf = path => fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0
/** Of the package, which a package manager looks after. */
const isOurs = folder => folder.startsWith(ROOT)

/** Asks one source after the other. */
async function fetchInto(path, kept, wanted, scratch) {
  const part = new Part(path)
  try {
    if (!tryTo(() => sizeOf(kept) > 0 && part.adopt(kept))) part.clear()
    const failures = []
    for (const { name, shown, open } of sources(wanted, scratch)) {
      const progress = startProgress({ what: `Fetching openwork ${version}`, from: shown, totalBytes: wanted.size })
      try {
        await persist(part, () => complete(part, open, wanted, progress))
        await fsync(part.file) // or after a power cut there may be the name without the content
        fs.chmodSync(path, 0o755) // whatever the umask is
        return
      } catch (error) {
        if (isDiskFull(error)) throw diskFull(part, wanted)
        if (error instanceof TypeError && error.code === undefined) throw error // a bug, no failure of the source
        failures.push(`${name}: ${error.message || error.code}`)
      } finally {
        progress.end()
      }
    }
    throw notFetched(failures, wanted)
  } finally {
    part.close()
  }
}

/**
 * `open` is given how many bytes there are, and resolves to more of them, as an async iterable, and where these begin:
 * behind those, or at 0.
 */
function sources(wanted, scratch) {
  const zipped = inPackages().find(isZipped)
  const base = (process.env.OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL || RELEASE_URL).replace(/\/+$/, '')
  const url = `${base}/${wanted.asset}`
  const packed = `${wanted.package}@${version}`
  return [
    ...(zipped
      ? [{ name: zipped, shown: zipped, open: async () => ({ bytes: fs.createReadStream(zipped), from: 0 }) }]
      : []),
    { name: withoutCredentials(url), shown: hostOf(url), open: from => fromUrl(url, { from, size: wanted.size }) },
    {
      name: `npm pack ${packed}`,
      shown: 'npm',
      open: async () => ({ bytes: await fromNpm({ ...wanted, version }, scratch), from: 0 }),
    },
  ]
}

/** For a line that has to fit into a terminal. */
function hostOf(url) {
  return /^\w+:\/\/(?:[^/@]*@)?([^/]+)/.exec(url)?.[1] ?? withoutCredentials(url)
}

/** Adds what is missing, and sees whether it is the right file. */
async function complete(part, open, { sha256, size }, progress) {
  const had = part.bytes
  let begun = had
  if (had < size) {
    const opened = await open(had)
    begun = opened.from
    if (begun !== had) part.clear()
    for await (const chunk of opened.bytes) {
      if (part.bytes + chunk.length > size) {
        part.clear()
        throw new SourceFailure(`sends more than the expected ${size} bytes`, begun > 0 ? 'often' : 'never')
      }
      part.append(chunk)
      progress.at(part.bytes)
    }
  }
  if (part.bytes < size) throw new SourceFailure(`broke off after ${part.bytes} of ${size} bytes`, 'often')
  const actual = part.sha256
  if (actual === sha256) return
  part.clear()
  // The beginning was perhaps that of another file: once more from the start.
  const what = `sent other bytes than were released: SHA-256 ${actual}, expected ${sha256}`
  throw new SourceFailure(what, begun > 0 ? 'often' : 'never')
}

/** Whether it worked. */
function tryTo(act) {
  try {
    act()
    return true
  } catch (error) {
    if (error.code === undefined) throw error // a bug
    return false
  }
}

const isDiskFull = ({ code }) => code === 'ENOSPC' || code === 'EDQUOT'

function diskFull(part, { size }) {
  part.clear() // gives back what it took: others need the disk as well
  return new Complaint(
    `there is no space left for the executable in ${dirname(dirname(part.path))}`,
    `Free ${Math.ceil(size / 1e6)} MB there, or name an executable with OPENWORK_ORCHESTRATOR_BIN_PATH.`,
  )
}

function notFetched(failures, { asset }) {
  return new Complaint(
    `the executable for this machine (${platformName()}) is not installed, and could not be fetched:\n  ${failures.join('\n  ')}`,
    `Install openwork-orchestrator@${version} again with its optional dependencies (npm: --include=optional), set ` +
      `OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL to where ${asset} is (https, file, or http on this machine), or name an ` +
      'executable with OPENWORK_ORCHESTRATOR_BIN_PATH.',
  )
}

/** The first folder that takes files. The package may belong to root, or be a zip. */
function findWritable({ size }) {
  const refusals = []
  for (const folder of fetchFolders()) {
    try {
      // The user's folder also comes to hold openwork's data, which is nobody else's; the package is everybody's.
      fs.mkdirSync(folder, { recursive: true, ...(isOurs(folder) ? {} : { mode: 0o700 }) })
      fs.rmSync(fs.mkdtempSync(join(folder, '.try-')), { recursive: true })
      const problem = isOurs(folder) ? undefined : whoElseMayWrite(folder)
      if (problem === undefined) return folder
      refusals.push(`${folder}: ${problem}`)
    } catch (error) {
      refusals.push(`${folder}: ${error.code}`)
    }
  }
  throw new Complaint(
    `the executable for this machine (${platformName()}) is not installed, and there is no place to put it:\n  ${refusals.join('\n  ')}`,
    `Make one of these folders writable for ${Math.ceil(size / 1e6)} MB, or name an executable with OPENWORK_ORCHESTRATOR_BIN_PATH.`,
  )
}

function unsupported() {
  const known = Object.keys(require('../checksums.json')).join(', ')
  return new Complaint(
    `openwork ${version} has no executable for ${platformName()}, only for ${known}`,
    'Name one that you built yourself with OPENWORK_ORCHESTRATOR_BIN_PATH.',
  )
}

module.exports = { fetchExecutable }
