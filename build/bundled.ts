// npm run build:bundled
//
// A folder that needs no network at its first start: openwork for this machine with its other names, and in `sidecars/` the
// pinned opencode with what it is in versions.json. opencode comes from the dependencies, or from where `openwork start`
// would fetch it; either way it has the hash that is compiled in.
import { chmod, copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { orUsage } from '../scripts/lib/or-usage.ts'
import { ensureOpencode } from '../src/sidecars/find/ensure-opencode.ts'
import { compileForThisMachine, ENTRY, EXECUTABLE_SUFFIX } from './executable.ts'
import { hashFile } from './release/checksums.ts'

const ROOT = resolve(import.meta.dir, '..')

const { values } = orUsage('npm run build:bundled -- [--outdir <folder>]', () =>
  parseArgs({ options: { outdir: { type: 'string', default: join(ROOT, 'dist', 'bundled') } } }),
)
const outdir = resolve(values.outdir)
const sidecars = join(outdir, 'sidecars')
const opencode = await ensureOpencode({
  source: 'auto',
  explicitBin: undefined,
  allowExternal: false,
  executablePath: join(ROOT, ENTRY),
  sidecarDir: join(ROOT, 'dist', 'sidecars'),
  env: process.env,
  cwd: ROOT,
})
process.chdir(ROOT) // stack traces then say `src/…`
await compileForThisMachine(join(outdir, `openwork${EXECUTABLE_SUFFIX}`))
await mkdir(sidecars, { recursive: true })
const program = join(sidecars, `opencode${EXECUTABLE_SUFFIX}`)
await put(opencode.path, program, 0o755)
await put(join(ROOT, 'node_modules', 'opencode-ai', 'LICENSE'), join(sidecars, 'opencode-LICENSE'), 0o644)
const versions = { opencode: { version: opencode.expectedVersion, sha256: (await hashFile(program)).sha256 } }
await writeFile(join(sidecars, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`)
console.log(`${relative(ROOT, outdir)}: openwork, and opencode ${opencode.expectedVersion} in sidecars`)

/** Under its name when it is complete: what was there before may be running. */
async function put(from: string, to: string, mode: number): Promise<void> {
  const scratch = `${to}.new`
  await rm(scratch, { force: true })
  await copyFile(from, scratch)
  await chmod(scratch, mode)
  await rename(scratch, to)
}
