// The commands and flags of openwork as Markdown, from the tables that parse them.
//   node scripts/with-bun.mjs scripts/reference.ts            print
//   node scripts/with-bun.mjs scripts/reference.ts --write    put it into docs/reference.md, between its marks, and the
//                                                             schema of the settings into docs/config.schema.json
//   node scripts/with-bun.mjs scripts/reference.ts --check    exit 1 when one of them is stale or a table is wrong
import { basename, join } from 'node:path'
import { program } from '../src/cli/commands/index.ts'
import { settingsSchema } from '../src/cli/config/settings-schema.ts'
import { checkProgram } from '../src/cli/kit/check.ts'
import { renderReference, replaceReference } from '../src/cli/kit/reference.ts'

const PAGE = join(import.meta.dir, '..', 'docs', 'reference.md')
const SCHEMA = join(import.meta.dir, '..', 'docs', 'config.schema.json')
const REPAIR = 'Run `node scripts/with-bun.mjs scripts/reference.ts --write`.'

const [mode] = process.argv.slice(2)
const problems = await checkProgram(program)
for (const problem of problems) console.error(`src/cli/commands: ${problem}`)
if (problems.length > 0) process.exit(1)

const reference = await renderReference(program)
if (mode === '--write' || mode === '--check') {
  const schema = `${JSON.stringify(await settingsSchema(program), null, 2)}\n`
  const page = await Bun.file(PAGE).text()
  for (const [path, after] of [
    [PAGE, replaceReference(page, reference)],
    [SCHEMA, schema],
  ] as const) {
    if (mode === '--write') await Bun.write(path, after)
    else if (after !== (await textOf(path))) {
      console.error(`docs/${basename(path)} is stale. ${REPAIR}`)
      process.exit(1)
    }
  }
} else if (mode === undefined) console.log(reference)
else {
  console.error(`Unknown argument ${mode}; expected --write or --check.`)
  process.exit(2)
}

async function textOf(path: string): Promise<string | undefined> {
  const file = Bun.file(path)
  return (await file.exists()) ? file.text() : undefined
}
