import { constants } from 'node:fs'
import { lstat, mkdtemp, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkDataDir } from '../../orchestrator/data-dir.ts'
import { byteCount } from '../../shared/byte-count.ts'
import { messageOf, OpenworkError, unlessSystemError } from '../../shared/errors.ts'
import { openPlainFile } from '../../shared/plain-file.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'
import { type OpenFile, openSecrets } from '../open-secrets.ts'

export const dataDir: Check = {
  id: 'data-dir',
  group: 'Files',
  title: 'Data dir',
  limitMs: QUICK_MS,
  async look({ dataDir }) {
    let [problem, warning]: (string | undefined)[] = []
    try {
      warning = checkDataDir(dataDir)
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      problem = messageOf(error)
    }
    const found = await stat(dataDir).catch(unlessSystemError)
    const isOurs = found !== undefined && found.uid === process.getuid?.()
    return judgeDataDir({
      path: dataDir,
      mode: found?.mode,
      isOurs,
      problem,
      warning,
      network: problem === undefined ? await networkFileSystem(await nearestFolder(dataDir)) : undefined,
    })
  },
}

export function judgeDataDir(facts: {
  path: string
  mode: number | undefined
  isOurs: boolean
  problem: string | undefined
  warning: string | undefined
  network: string | undefined
}): Finding {
  const { path, mode, problem, warning, network } = facts
  if (problem !== undefined)
    return { status: 'problem', seen: problem, todo: 'Name a folder of yours with --data-dir (OPENWORK_DATA_DIR).' }
  if (mode === undefined) return { status: 'info', seen: `${path} is not there yet: the first start makes it` }
  const rights = `0${(mode & 0o7777).toString(8)}`
  const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0
  const seen = `${path} (${rights}${network ? `, on ${network}` : ''})`
  if (warning === undefined && !isOpen && network === undefined) return { status: 'ok', seen }
  const apply = async (): Promise<string> => {
    await makePrivate(path)
    return `${path} is 0700 now`
  }
  return {
    status: 'warning',
    seen,
    details: warning === undefined ? [] : [warning],
    means: [
      ...(isOpen ? ['Others on this machine can look into it; what is secret in there has rights of its own.'] : []),
      ...(network ? [`On a disk of the network, locks and times are less reliable, and openwork is slower.`] : []),
    ].join(' '),
    todo: isOpen ? `chmod 700 ${path}` : 'Name a folder on a disk of this machine with --data-dir.',
    ...(isOpen && facts.isOurs && { fix: { what: `make ${path} private (0700)`, apply } }),
  }
}

/** By its descriptor: what is found again under the path may be something else by now. */
async function makePrivate(path: string): Promise<void> {
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  await folder.chmod(0o700)
}

/** `statfs(2)` on Linux; the numbers of other systems mean other things. */
const NETWORK_TYPES: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9p',
  1397113167: 'AFS',
  12805120: 'Ceph',
  198183888: 'Lustre',
}

async function networkFileSystem(folder: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  const { type } = await statfs(folder)
  return NETWORK_TYPES[type]
}

/** The folder itself, or the one above it in which it would be made. */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder))
    if ((await stat(folder).catch(unlessSystemError)) !== undefined || folder === dirname(folder)) return folder
}

export const disk: Check = {
  id: 'disk',
  group: 'Files',
  title: 'Free space',
  limitMs: QUICK_MS,
  async look({ dataDir, sidecarDir }) {
    const places = [
      { name: 'data dir', path: dataDir },
      { name: 'cache', path: sidecarDir },
      { name: 'temporary files', path: tmpdir() },
    ]
    const found = places.map(async ({ name, path }) => {
      const { bavail, bsize } = await statfs(await nearestFolder(path))
      return { name, path, freeBytes: bavail * bsize }
    })
    return judgeDisk(await Promise.all(found))
  },
}

const TOO_LITTLE_BYTES = 50_000_000
/** A build of opencode and the archive it comes in. */
const LITTLE_BYTES = 500_000_000

export function judgeDisk(places: readonly { name: string; path: string; freeBytes: number }[]): Finding {
  const least = Math.min(...places.map(({ freeBytes }) => freeBytes))
  const seen = `at least ${byteCount(least)}`
  const details = places.map(({ name, path, freeBytes }) => `${byteCount(freeBytes)} for ${name}: ${path}`)
  if (least >= LITTLE_BYTES) return { status: 'ok', seen, details }
  const isFull = least < TOO_LITTLE_BYTES
  return {
    status: isFull ? 'problem' : 'warning',
    seen,
    details,
    means: isFull
      ? 'Tokens, records and sessions may not be written.'
      : 'Too little for another opencode to be downloaded.',
    todo: '`openwork cache gc` removes what this version does not need; --data-dir names another disk.',
  }
}

export const temporary: Check = {
  id: 'temp-dir',
  group: 'Files',
  title: 'Temporary files',
  limitMs: QUICK_MS,
  async look() {
    const folder = tmpdir()
    try {
      await rm(await mkdtemp(join(folder, 'openwork-doctor-')), { recursive: true, force: true })
      return { status: 'ok', seen: folder }
    } catch (error) {
      unlessSystemError(error)
      return {
        status: 'problem',
        seen: `${folder} cannot be written to: ${messageOf(error)}`,
        means: 'opencode and the check of a new binary need a place for temporary files.',
        todo: 'Name another folder with TMPDIR.',
      }
    }
  },
}

/** What `mkdtemp` made for us, with its six letters of chance. */
const OURS = /^openwork-(?:probe|doctor)-[A-Za-z0-9]{6}$/
const OLD_MS = 24 * 60 * 60_000

export const oldTemporary: Check = {
  id: 'temp-leftovers',
  group: 'Files',
  title: 'Left temporary files',
  limitMs: QUICK_MS,
  async look() {
    const old = await findOldTemporary(tmpdir(), Date.now())
    if (old.length === 0) return { status: 'ok', seen: 'none' }
    const apply = async (): Promise<string> => {
      for (const path of old) await rm(path, { recursive: true, force: true })
      return `removed ${old.length}`
    }
    return {
      status: 'info',
      seen: `${old.length} of openwork, older than a day`,
      details: old,
      means: 'Something that was killed left them.',
      todo: 'openwork doctor --fix',
      fix: { what: `remove ${old.join(', ')}`, apply },
    }
  },
}

/** Folders of ours alone: a link of that name, or another user's folder, is none. */
export async function findOldTemporary(folder: string, nowMs: number): Promise<string[]> {
  const names = ((await readdir(folder).catch(unlessSystemError)) ?? []).filter(name => OURS.test(name))
  const found = names.map(async name => {
    const path = join(folder, name)
    const entry = await lstat(path).catch(unlessSystemError)
    if (!entry?.isDirectory() || entry.uid !== process.getuid?.()) return []
    return nowMs - entry.mtimeMs > OLD_MS ? [path] : []
  })
  return (await Promise.all(found)).flat()
}

export const secrets: Check = {
  id: 'secrets',
  group: 'Files',
  title: 'Files with secrets',
  limitMs: 20_000,
  isInDataDir: true,
  async look({ dataDir }, signal) {
    if (process.platform === 'win32') return { status: 'skipped', seen: 'Windows has no such rights' }
    return judgeSecrets(await openSecrets(dataDir, signal))
  },
}

export function judgeSecrets({ looked, open }: { looked: number; open: readonly OpenFile[] }): Finding {
  const count = looked === 1 ? 'one file' : `${looked} files`
  if (open.length === 0) return { status: 'ok', seen: looked === 0 ? 'none yet' : `${count}, for their owner alone` }
  const ours = open.filter(({ isOurs }) => isOurs)
  const isReachable = open.some(({ isReachable }) => isReachable)
  const apply = async (): Promise<string> => {
    for (const { path } of ours) await closeFile(path)
    return `${ours.length === 1 ? 'one file is' : `${ours.length} files are`} 0600 now`
  }
  return {
    status: isReachable ? 'problem' : 'warning',
    seen: `${open.length} of ${count} open to others`,
    details: open.map(({ path, mode }) => `0${(mode & 0o777).toString(8)} ${path}`),
    means: isReachable
      ? 'Other users of this machine can read tokens, or put their own in.'
      : 'Only the folders above keep other users out.',
    todo: ours.length > 0 ? 'openwork doctor --fix' : 'They belong to another user: change their rights as that one.',
    ...(ours.length > 0 && { fix: { what: `make ${ours.map(({ path }) => path).join(', ')} private (0600)`, apply } }),
  }
}

/** Only a file that still is one, and ours: a link that was put there meanwhile is not followed. */
async function closeFile(path: string): Promise<void> {
  await using file = await openPlainFile(path, { flags: constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) })
  const { uid } = await file.stat()
  if (uid === process.getuid?.()) await file.chmod(0o600)
}
