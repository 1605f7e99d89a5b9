import { byteCount } from '../../shared/byte-count.ts'
import { ByteProgress } from '../byte-progress.ts'
import { cacheDirOf } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { cacheFlags, MADE } from './cache-place.ts'

export const cacheVerify = defineCommand({
  path: 'cache verify',
  summary: 'Read every build in the cache that a hash is known of, and compare it',
  description:
    'Exits 4 when an opencode is not what this openwork was made with, or an openwork not what its manifest said. Such a ' +
    'build is never run: a start fetches it again. Other versions of opencode cannot be checked, for only their own ' +
    'openwork knows their hashes.',
  examples: [
    { command: 'openwork cache verify', does: 'after a disk had errors, say' },
    { command: 'openwork cache verify --fix', does: 'and remove what is wrong' },
  ],
  flags: { ...cacheFlags, fix: bool({ perCall: true, default: false, summary: 'Remove what is wrong' }) },
  async run({ fix, ...values }, { output, stderr }) {
    const { verifyCache } = await import('../../sidecars/cache/cache-verify.ts')
    const dir = cacheDirOf(values)
    const progress = new ByteProgress(stderr, text => output.note(text))
    const checked = await interruptible(fix ? 'what was not read yet is as it was' : 'nothing was changed', signal =>
      verifyCache(dir, MADE, { fix, signal, onProgress: (...step) => progress.step(...step) }),
    ).finally(() => progress.end())
    const ok = checked.every(({ problem, removed }) => problem === undefined || removed)
    output.result({ ok, dir, items: checked }, () =>
      checked.length === 0 ? `Nothing to verify in ${dir}` : checked.map(lineOf).join('\n'),
    )
    if (!ok && !fix) output.note('Remove what is wrong with `openwork cache verify --fix`; the next start fetches it.')
    return ok ? 0 : 4
  },
})

type Checked = Awaited<ReturnType<typeof import('../../sidecars/cache/cache-verify.ts').verifyCache>>[number]

function lineOf({ kind, version, target, path, bytes, state, problem, removed }: Checked): string {
  const build = `${kind} ${version} for ${target}`
  if (state === 'unverified') return `unknown  ${build}: nothing is recorded of what it must be`
  if (problem === undefined) return `ok       ${build} (${byteCount(bytes)})`
  return `${removed ? 'removed' : 'wrong  '}  ${build}: ${path} ${problem}`
}
