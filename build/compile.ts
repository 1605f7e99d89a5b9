// npm run build
//
// Without a target: `openwork` for this machine, and beside it `openwork-server` and `opencode-router`, the same file
// under the names that select the other two programs. With targets: one `openwork-<target>` each.
import { stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { orUsage, UsageError } from '../scripts/lib/or-usage.ts'
import { compileExecutable, compileForThisMachine, ENTRY, EXECUTABLE_SUFFIX, OTHER_PROGRAMS } from './executable.ts'
import { fetchRuntime } from './runtime.ts'
import { knownTarget, type Target } from './targets.ts'

const ROOT = resolve(import.meta.dir, '..')

const USAGE = 'npm run build -- [--target <bun target>]… [--outdir <folder>] [--filename <name>]'

const { values, targets } = orUsage(USAGE, () => {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true, default: [] },
      outdir: { type: 'string', default: 'dist/bin' },
      filename: { type: 'string' },
    },
  })
  const targets = values.target.map(knownTarget)
  if (values.filename && targets.length > 1)
    throw new UsageError('--filename names one file: pass one --target with it')
  return { values, targets }
})
const outdir = resolve(values.outdir)
process.chdir(ROOT) // stack traces then say `src/…`

if (targets.length === 0) await buildForThisMachine()
for (const target of targets) await buildFor(target)

async function buildForThisMachine(): Promise<void> {
  const outfile = join(outdir, values.filename ?? `openwork${EXECUTABLE_SUFFIX}`)
  await compileForThisMachine(outfile)
  await report(outfile, `and its other names ${OTHER_PROGRAMS.join(', ')}`)
}

async function buildFor(target: Target): Promise<void> {
  const suffix = target.startsWith('bun-windows-') ? '.exe' : ''
  const outfile = join(outdir, values.filename ?? `openwork-${target}${suffix}`)
  const runtime = await fetchRuntime(target, join(ROOT, 'dist', 'runtimes'))
  await compileExecutable({ entry: ENTRY, outfile, cross: { target, runtime } })
  await report(outfile, `for ${target}`)
}

async function report(outfile: string, note: string): Promise<void> {
  const { size } = await stat(outfile)
  console.log(`${relative(ROOT, outfile)} (${(size / 1e6).toFixed(1)} MB) ${note}`)
}
