// npm run build:release-files
//
// Writes what goes with the executables of all platforms in dist/release: manifest, hashes, SBOM and so on.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { orUsage } from '../scripts/lib/or-usage.ts'
import { sourceDate } from './release/source-date.ts'
import { writeReleaseFiles } from './release/write.ts'
import { ALL_TARGETS } from './targets.ts'

const { values } = orUsage('npm run build:release-files -- [--folder <folder>] [--without-opencode]', () =>
  parseArgs({
    options: {
      folder: { type: 'string', default: join(import.meta.dir, '..', 'dist', 'release') },
      'without-opencode': { type: 'boolean', default: false },
    },
  }),
)
const files = await writeReleaseFiles(resolve(values.folder), {
  targets: ALL_TARGETS,
  generatedAt: sourceDate(process.env),
  withOpencode: !values['without-opencode'],
})
for (const { name, sha256 } of files) console.log(`${sha256}  ${name}`)
