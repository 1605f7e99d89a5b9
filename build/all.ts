// npm run build:all
//
// Everything that a release publishes, in dist/release: the executables of all platforms, archives of opencode, the
// sidecar manifest, SHA256SUMS, the SBOM, licences, the installer and the Homebrew formula. A release that signs its
// executables makes them alone first, and runs `npm run build:release-files` when they are signed.
import { mkdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { orUsage } from '../scripts/lib/or-usage.ts'
import { executableAsset } from '../src/sidecars/release/release.ts'
import { compileExecutable, ENTRY } from './executable.ts'
import { sourceDate } from './release/source-date.ts'
import { writeReleaseFiles } from './release/write.ts'
import { fetchRuntime } from './runtime.ts'
import { ALL_TARGETS, knownTarget, TARGETS } from './targets.ts'

const ROOT = resolve(import.meta.dir, '..')

const USAGE =
  'npm run build:all -- [--outdir <folder>] [--target <bun target>]… [--executables-only] [--without-opencode]'

const { values, targets } = orUsage(USAGE, () => {
  const { values } = parseArgs({
    options: {
      outdir: { type: 'string', default: join(ROOT, 'dist', 'release') },
      target: { type: 'string', multiple: true, default: [...ALL_TARGETS] },
      'executables-only': { type: 'boolean', default: false },
      'without-opencode': { type: 'boolean', default: false },
    },
  })
  return { values, targets: values.target.map(knownTarget) }
})
const generatedAt = sourceDate(process.env)
const outdir = resolve(values.outdir)
await mkdir(outdir, { recursive: true })
process.chdir(ROOT) // stack traces then say `src/…`

for (const target of targets) {
  const runtime = await fetchRuntime(target, join(ROOT, 'dist', 'runtimes'))
  const outfile = join(outdir, executableAsset(TARGETS[target].platform))
  await compileExecutable({ entry: ENTRY, outfile, cross: { target, runtime } })
  console.log(relative(ROOT, outfile))
}
if (!values['executables-only']) {
  const files = await writeReleaseFiles(outdir, { targets, generatedAt, withOpencode: !values['without-opencode'] })
  console.log(`${relative(ROOT, outdir)}: ${files.length} files, their hashes in SHA256SUMS`)
}
