// npm run pack: writes the npm packages for this machine's platform to dist/npm, from the executable in dist/bin.
// `npm install -g dist/npm/*.tgz` then installs the command.
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { orUsage, UsageError } from '../scripts/lib/or-usage.ts'
import { findMachine } from '../src/sidecars/pins/target.ts'
import { npmPack } from './npm.ts'
import { assemblePackages } from './packages.ts'

const ROOT = resolve(import.meta.dir, '..')
const executable = join(ROOT, 'dist', 'bin', process.platform === 'win32' ? 'openwork.exe' : 'openwork')
orUsage('npm run pack, after npm run build', () => {
  parseArgs({ options: {} })
  if (!existsSync(executable)) throw new UsageError('There is no executable in dist/bin yet.')
})

const machine = await findMachine()
if (!machine) throw new Error(`There is no package for ${process.platform}-${process.arch}`)

const outdir = join(ROOT, 'dist', 'npm')
await rm(outdir, { recursive: true, force: true })
for (const folder of await assemblePackages(outdir, [{ ...machine, executable }])) {
  console.log(relative(ROOT, join(outdir, await npmPack(folder, outdir))))
}
