// The commands and flags of openwork as Markdown, from the tables that parse them.
//   node scripts/with-bun.mjs scripts/reference.ts            print
//   node scripts/with-bun.mjs scripts/reference.ts --write    put it into docs/reference.md, between its marks
//   node scripts/with-bun.mjs scripts/reference.ts --check    exit 1 when docs/reference.md is stale or a table is wrong
import { join } from 'node:path'
import { program } from '../src/cli/commands/index.ts'
import { checkProgram } from '../src/cli/kit/check.ts'
import { renderReference, replaceReference } from '../src/cli/kit/reference.ts'

const PAGE = join(import.meta.dir, '..', 'docs', 'reference.md')
const REPAIR = 'Run `node scripts/with-bun.mjs scripts/reference.ts --write`.'

const [mode] = process.argv.slice(2)
const problems = await checkProgram(program)
for (const problem of problems) console.error(`src/cli/commands: ${problem}`)
if (problems.length > 0) process.exit(1)

const reference = await renderReference(program)
if (mode === '--write' || mode === '--check') {
  const before = await Bun.file(PAGE).text()
  const after = replaceReference(before, reference)
  if (mode === '--write') await Bun.write(PAGE, after)
  else if (after !== before) {
    console.error(`docs/reference.md is stale. ${REPAIR}`)
    process.exit(1)
  }
} else if (mode === undefined) console.log(reference)
else {
  console.error(`Unknown argument ${mode}; expected --write or --check.`)
  process.exit(2)
}
