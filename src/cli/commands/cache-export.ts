import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { lstat, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { byteCount } from '../../shared/byte-count.ts'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { ExportedBuild } from '../../sidecars/cache/cache-export.ts'
import type { WantedOpencode } from '../../sidecars/cache/cache-layout.ts'
import { ByteProgress } from '../byte-progress.ts'
import { parseSidecarPlace, sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { localPath } from '../local-path.ts'
import { type Fetching, fetchBuild } from './cache-fetch-build.ts'
import { cacheFlags, executablePath, MADE, targetFlag } from './cache-place.ts'

export const cacheExport = defineCommand({
  path: 'cache export',
  summary: 'Write the pinned builds into one archive, for machines without a network',
  description:
    'A tar, gzipped when the name ends in .gz or .tgz. Without --target it holds every pinned build in the cache, and what ' +
    'came with openwork. Builds named with --target that are not there are downloaded first. Every build is ' +
    'verified on its way out, and again by `openwork cache import`. Only opencode is exported. Standard output is `-`.',
  examples: [
    { command: 'openwork cache export bundle.tgz', does: 'what is here' },
    { command: 'openwork cache export bundle.tar --target all', does: 'every build that this version knows' },
    { command: 'openwork cache export - | ssh box openwork cache import -', does: 'from here to there' },
  ],
  args: { file: { summary: 'Archive to write; `-` is standard output' } },
  flags: {
    ...cacheFlags,
    ...sidecarPlaceFlags,
    target: targetFlag,
    force: bool({ perCall: true, default: false, summary: 'Replace the archive if there is one' }),
  },
  async run({ file, target, force, ...values }, context) {
    const { output, stdout, stderr, json } = context
    if (file === '-' && (stdout.isTTY || json))
      throw new OpenworkError(
        'flags_conflict',
        `The archive cannot go to ${json ? 'the same place as --json' : 'a terminal'}`,
        { hint: 'Name a file, or send the output into one.' },
      )
    const path = file === '-' ? undefined : localPath(file, context)
    if (path !== undefined) await refuseExisting(path, force)
    const progress = new ByteProgress(stderr, text => output.note(text))
    const bytes = { done: 0, total: 0 }
    const place = parseSidecarPlace(values)
    const builds = await interruptible(
      path === undefined ? 'the archive is cut short' : 'no archive was written',
      async signal => {
        const builds = await chooseBuilds(target, { place, context, progress, signal })
        const files = distinct(builds)
        const { exportArchive } = await import('../../sidecars/cache/cache-export.ts')
        bytes.total = files.reduce((sum, { wanted }) => sum + wanted.pin.size, 0)
        const onBytes = (more: number): void => {
          bytes.done += more
          progress.step(`Writing ${file === '-' ? 'the archive' : file}`, bytes.done, bytes.total)
        }
        const archive = Readable.from(exportArchive(files, { version: VERSION, onBytes }), { objectMode: false })
        if (path === undefined) await writeOut(stdout, archive, signal)
        else await writeWhole(path, archive, signal)
        return target ? builds : files
      },
    ).finally(() => progress.end())
    const text = [...Map.groupBy(builds, ({ wanted }) => wanted.pin.sha256).values()].map(lineOf).join('\n')
    if (path === undefined) return output.note(text)
    const { size } = await lstat(path)
    const { indexed } = await import('../../sidecars/cache/cache-archive.ts')
    const items = distinct(builds).map(({ wanted }) => {
      const { size: bytes, ...file } = indexed(wanted)
      return { ...file, bytes }
    })
    output.result({ ok: true, path, bytes: size, items }, `${text}\nin ${path} (${byteCount(size)})`)
  },
})

/** Builds of the same content are one file: whoever imports it can use it for each of them. */
const distinct = (builds: readonly ExportedBuild[]): ExportedBuild[] =>
  builds.filter(({ wanted: { pin } }, at) => at === builds.findIndex(({ wanted }) => wanted.pin.sha256 === pin.sha256))

const lineOf = ([first, ...same]: readonly ExportedBuild[]): string => {
  if (first === undefined) return ''
  const { name, version, pin } = first.wanted
  const also = same.length > 0 ? `, the same as ${same.map(({ wanted }) => wanted.name).join(', ')}` : ''
  return `${name} ${version} (${byteCount(pin.size)}${also})`
}

async function chooseBuilds(
  targets: readonly string[] | undefined,
  { place, context, progress, signal }: Omit<Fetching, 'verifier'>,
): Promise<ExportedBuild[]> {
  const [{ buildsNamed, findNamed, runnableHere }, { Verifier }] = await Promise.all([
    import('../../sidecars/cache/cache-builds.ts'),
    import('../../sidecars/verify/verify.ts'),
  ])
  const { pins } = MADE
  const sidecarDir = place.dir
  const verifier = new Verifier(sidecarDir)
  const places = { pins, sidecarDir, executablePath: executablePath(), verifier, env: context.env, signal }
  const found: ExportedBuild[] = []
  // Of those that are the same the one for this machine is named.
  const first = targets ? [] : await runnableHere(pins)
  const named = buildsNamed(pins, targets ?? ['all'])
  const rank = ({ name }: WantedOpencode): number => (first.includes(name) ? first.indexOf(name) : named.length)
  for (const wanted of named.toSorted((a, b) => rank(a) - rank(b))) {
    progress.step(`Checking ${wanted.name}`)
    const near = await findNamed(wanted, places)
    if (near) found.push(near)
    else if (targets) found.push(await fetchBuild([wanted], { place, verifier, context, progress, signal }))
  }
  if (found.length > 0) return found
  throw new OpenworkError('opencode_not_found', `There is no verified opencode ${pins.version} in ${sidecarDir}`, {
    hint: 'Get it with `openwork cache fetch`, or name the builds to download with --target.',
  })
}

async function refuseExisting(path: string, force: boolean): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw cannotWrite(path, error)
  })
  if (found === undefined || (force && found.isFile())) return
  throw new OpenworkError(
    'invalid_value',
    found.isFile() ? `${path} is there already` : `${path} is there and not a file`,
    {
      hint: found.isFile() ? 'Choose another name, or pass --force to replace it.' : 'Choose another name.',
    },
  )
}

async function writeOut(stdout: Writable, archive: Readable, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(archive, stdout, { end: false, signal })
  } catch (error) {
    if (systemCode(error) !== 'EPIPE') throw cannotWrite('standard output', error)
    throw new OpenworkError('write_failed', 'Whoever reads the archive left before its end', {
      hint: 'See what it said; what it has got is cut short.',
      cause: error,
    })
  }
}

/** Under another name first: an archive that stands under its own is complete. */
async function writeWhole(path: string, archive: Readable, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.tmp-${randomBytes(6).toString('hex')}`
  try {
    const target = createWriteStream(temporary, { flags: 'wx', mode: 0o644, flush: true })
    if (/\.(?:gz|tgz)$/i.test(path)) await pipeline(archive, createGzip(), target as Writable, { signal })
    else await pipeline(archive, target, { signal })
    await rename(temporary, path)
  } catch (error) {
    signal.throwIfAborted()
    throw cannotWrite(path, error)
  } finally {
    await rm(temporary, { force: true }).catch(() => {}) // where this fails, the first failure says why
  }
}

function cannotWrite(path: string, error: unknown): unknown {
  const code = systemCode(error)
  if (error instanceof OpenworkError || code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OpenworkError('disk_full', `No space left to write ${path}`, {
      hint: 'Free some space, or write it to another disk. Nothing of it was kept.',
      cause: error,
    })
  const isPlace = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'].includes(code)
  return new OpenworkError(
    isPlace ? 'invalid_value' : 'write_failed',
    code === 'ENOENT' || code === 'ENOTDIR'
      ? `Cannot write ${path}: there is no folder ${dirname(path)}`
      : `Cannot write ${path} (${code})`,
    { hint: isPlace ? 'Name a file in a folder that is there.' : 'Name a file that you may write.', cause: error },
  )
}
