import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import type { ImportedBuild } from '../../sidecars/cache/cache-import.ts'
import { ByteProgress } from '../byte-progress.ts'
import { cacheDirOf } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { localPath } from '../local-path.ts'
import { cacheFlags, MADE } from './cache-place.ts'

export const cacheImport = defineCommand({
  path: 'cache import',
  summary: 'Put the builds of an archive into the cache, without a network',
  description:
    'Reads what `openwork cache export` wrote, gzipped or not: builds of opencode and nothing else. What the archive says of itself counts for nothing: a ' +
    'build must be, byte for byte, what this openwork was made with. Builds for another version are skipped; exits 4 ' +
    'when there are no others. Standard input is `-`.',
  examples: [{ command: 'openwork cache import bundle.tgz', does: 'then start without a network' }],
  args: { file: { summary: 'Archive to read; `-` is standard input' } },
  flags: cacheFlags,
  async run({ file, ...values }, context) {
    const { output, stdin, stderr, env } = context
    if (file === '-' && stdin.isTTY)
      throw new OpenworkError('invalid_value', 'There is no archive on standard input: it is a terminal', {
        hint: 'Name a file, or send one into it: openwork cache import - < bundle.tgz',
      })
    const [{ importArchive }, { runnableHere }, { Verifier }] = await Promise.all([
      import('../../sidecars/cache/cache-import.ts'),
      import('../../sidecars/cache/cache-builds.ts'),
      import('../../sidecars/verify/verify.ts'),
    ])
    const dir = cacheDirOf(values)
    const { pins } = MADE
    const path = file === '-' ? undefined : localPath(file, context)
    const source = path === undefined ? stdin : await openArchive(path)
    const runnable = await runnableHere(pins)
    const progress = new ByteProgress(stderr, text => output.note(text))
    const builds = await interruptible('builds that were imported already stay, and nothing else', signal =>
      importArchive(source, {
        pins,
        runnable,
        sidecarDir: dir,
        verifier: new Verifier(dir),
        origin: path ?? 'standard input',
        env,
        signal,
        onProgress: (what, done, total) => progress.step(`Importing ${what}`, done, total),
        onWait: what => progress.step(`Waiting for another openwork to fetch ${what}`),
      }),
    ).finally(() => progress.end())
    if (builds.every(({ outcome }) => outcome === 'skipped')) throw nothingFits(builds)
    output.result({ ok: true, dir, items: builds }, () => builds.map(lineOf).join('\n'))
  },
})

async function openArchive(path: string): Promise<Readable> {
  const unusable = (problem: string, cause?: unknown): OpenworkError =>
    new OpenworkError('invalid_value', problem, {
      hint: 'Name a file that `openwork cache export <file>` wrote, or - for standard input.',
      cause,
    })
  try {
    const file = await open(path)
    if (!(await file.stat()).isDirectory()) return file.createReadStream({ highWaterMark: 1024 * 1024 })
    await file.close()
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    throw unusable(code === 'ENOENT' ? `There is no file ${path}` : `Cannot read ${path} (${code})`, error)
  }
  throw unusable(`${path} is a folder`)
}

const lineOf = ({ outcome, version, target, path, reason }: ImportedBuild): string => {
  const build = `opencode ${version} for ${target}`
  switch (outcome) {
    case 'imported':
      return `imported  ${build}: ${path}`
    case 'there':
      return `was there ${build}: ${path}`
    case 'skipped':
      return `skipped   ${build}: ${reason}`
  }
}

const nothingFits = (builds: readonly ImportedBuild[]): OpenworkError =>
  new OpenworkError(
    'opencode_version_mismatch',
    `Nothing was imported: ${builds.map(({ version, target, reason }) => `opencode ${version} for ${target}: ${reason}`).join('; ')}`,
    { hint: 'Export it with the version of openwork that is to import it, or install the one that exported it.' },
  )
