'use strict'

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const { join } = require('node:path')
const { promisify } = require('node:util')
const { Complaint } = require('./complaint.cjs')
const { FILE, ROOT, fetchFolders, inPackages, isFetched, isZipped, platformName, wantedFile } = require('./find.cjs')
const { exclusively } = require('./lock.cjs')
const { fromNpm } = require('./npm.cjs')
const { startProgress } = require('./progress.cjs')
const { fromUrl, withoutCredentials } = require('./url.cjs')

const fsync = promisify(fs.fsync)
const { version } = require('../package.json')
const RELEASE_URL = `https://github.com/different-ai/openwork/releases/download/openwork-orchestrator-v${version}`
/** For one source. A slow line needs minutes for 100 MB; a dead one is noticed much earlier. */
const SOURCE_LIMIT_MS = 15 * 60_000

/**
 * Fetches the executable for this machine and resolves to its path. It gets its name only when size and hash are those
 * in checksums.json: a mirror can fail, it cannot lie. Two at once fetch it once. A signal ends the process and leaves
 * nothing half done.
 */
async function fetchExecutable() {
  const wanted = wantedFile()
  if (!wanted) throw unsupported()
  const folder = findWritable(wanted)
  const target = join(folder, FILE)
  await exclusively(target, {
    isDone: () => isFetched(target),
    work: scratch => fetchInto(join(scratch, FILE), wanted, scratch).then(complete => fs.renameSync(complete, target)),
  })
  return target
}

/** Asks one source after the other. */
async function fetchInto(path, wanted, scratch) {
  const failures = []
  for (const { name, open } of sources(wanted, scratch)) {
    const what = `Fetching openwork ${version} (${platformName()})`
    const progress = startProgress({ what, from: name, totalBytes: wanted.size })
    try {
      await save(await open(AbortSignal.timeout(SOURCE_LIMIT_MS)), path, wanted, progress)
      progress.end()
      return path
    } catch (error) {
      progress.end()
      if (error instanceof TypeError && error.code === undefined) throw error // a bug, no failure of the source
      failures.push(`${name}: ${error.message || error.code}`)
    }
  }
  throw new Complaint(
    `the executable for this machine (${platformName()}) is not installed, and could not be fetched:\n  ${failures.join('\n  ')}`,
    `Install it with \`npm install -g openwork-orchestrator@${version} --include=optional\`, set ` +
      `OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL to where ${wanted.asset} is, or name an executable with ` +
      'OPENWORK_ORCHESTRATOR_BIN_PATH.',
  )
}

/** `open` resolves to the bytes, as an async iterable. */
function sources(wanted, scratch) {
  const zipped = inPackages().find(isZipped)
  const base = (process.env.OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL || RELEASE_URL).replace(/\/+$/, '')
  const url = `${base}/${wanted.asset}`
  return [
    ...(zipped ? [{ name: zipped, open: async () => fs.createReadStream(zipped) }] : []),
    { name: withoutCredentials(url), open: signal => fromUrl(url, signal) },
    {
      name: `npm pack ${wanted.package}@${version}`,
      open: signal => fromNpm({ ...wanted, version }, scratch, signal),
    },
  ]
}

async function save(bytes, path, { sha256, size }, progress) {
  const hash = createHash('sha256')
  const file = fs.openSync(path, 'w', 0o755)
  let received = 0
  try {
    for await (const chunk of bytes) {
      received += chunk.length
      if (received > size) throw new Error(`sends more than the expected ${size} bytes`)
      hash.update(chunk)
      for (let at = 0; at < chunk.length; ) at += fs.writeSync(file, chunk, at)
      progress.at(received)
    }
    await fsync(file) // or after a power cut there may be the name without the content
  } catch (error) {
    throw error.code === 'ECONNRESET' ? new Error(`broke off after ${received} of ${size} bytes`) : error
  } finally {
    fs.closeSync(file)
  }
  if (received !== size) throw new Error(`sent ${received} bytes, expected ${size}`)
  const actual = hash.digest('hex')
  if (actual !== sha256) throw new Error(`sent other bytes than were released: SHA-256 ${actual}, expected ${sha256}`)
  fs.chmodSync(path, 0o755) // whatever the umask is
}

/** The first folder that takes files. The package may belong to root, or be a zip. */
function findWritable({ size }) {
  const refusals = []
  for (const folder of fetchFolders()) {
    try {
      // The user's folder also comes to hold openwork's data, which is nobody else's; the package is everybody's.
      fs.mkdirSync(folder, { recursive: true, ...(folder.startsWith(ROOT) ? {} : { mode: 0o700 }) })
      fs.rmSync(fs.mkdtempSync(join(folder, '.try-')), { recursive: true })
      return folder
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
