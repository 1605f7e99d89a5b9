// npm run install-matrix [-- --write]: installs the packed packages with every package manager in every way, and holds what
// came of it against the table in npm/README.md, or writes that. Takes two minutes; needs the executable in dist/bin.
import { parseArgs } from 'node:util'
import { OPENWORK } from '../test/e2e/harness.ts'
import { install, type Outcome, startSource, WAYS } from '../test/npm/matrix.ts'
import { nameOf, outcomesIn, ROWS, readTable, renderTable, writeTable } from '../test/npm/matrix-table.ts'
import { whyNoTools } from '../test/npm/tools.ts'

const AT_ONCE = 2

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const missing = await whyNoTools()
if (missing) throw new Error(missing)
await using source = await startSource(OPENWORK)

const cases = ROWS.flatMap(row => WAYS.map((way, column) => ({ row, way, column })))
const outcomes = new Map(ROWS.map(row => [row, new Array<Outcome>(WAYS.length)]))
const failures: string[] = []
const waiting = cases.values()
await Promise.all(Array.from({ length: AT_ONCE }, work))

const table = renderTable(outcomes)
if (failures.length === 0 && values.write) await writeTable(table)
else if (failures.length === 0 && table !== (await readTable())) failures.push(...(await differences()))
for (const failure of failures) console.error(`✗ ${failure}`)
console.log(`${cases.length} installations, ${failures.length} failures`)
if (failures.length > 0) process.exitCode = 1

async function work(): Promise<void> {
  for (const { row, way, column } of waiting) {
    try {
      const outcome = await install(row.manager, { place: row.place, ...way }, source, { again: true })
      outcomes.get(row)?.splice(column, 1, outcome)
      console.log(`${nameOf(row)}, ${JSON.stringify(way)}: ${outcome}`)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
}

async function differences(): Promise<string[]> {
  const written = await readTable()
  const rows = ROWS.filter(row => outcomes.get(row)?.join() !== outcomesIn(written, row).join())
  return [`npm/README.md is stale: ${rows.map(nameOf).join('; ')}. Run \`npm run install-matrix -- --write\`.`]
}
