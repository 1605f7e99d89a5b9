// npm run release:check
//
// Whether everything that a release consists of agrees. With --strict, as the release itself runs it, warnings count.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { OPENCODE_PINS } from '../src/sidecars/pins/opencode-pins.generated.ts'
import { orUsage } from './lib/or-usage.ts'
import { findReleaseProblems } from './release/problems.ts'

const { values } = orUsage('npm run release:check -- [--strict] [--tag <tag>]', () =>
  parseArgs({ options: { strict: { type: 'boolean', default: false }, tag: { type: 'string' } } }),
)
const { errors, warnings } = await findReleaseProblems({
  root: join(import.meta.dir, '..'),
  pins: OPENCODE_PINS,
  tag: values.tag,
  sourceDateEpoch: process.env.SOURCE_DATE_EPOCH,
})
for (const error of errors) console.log(`error: ${error}`)
for (const warning of warnings) console.log(`${values.strict ? 'error' : 'warning'}: ${warning}`)
const failed = errors.length > 0 || (values.strict && warnings.length > 0)
console.log(failed ? 'Not ready for a release.' : 'Everything agrees.')
process.exit(failed ? 1 : 0)
