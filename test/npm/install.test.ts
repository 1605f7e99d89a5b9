import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { OPENWORK } from '../e2e/harness.ts'
import { install, type Outcome, type Source, startSource, WAYS } from './matrix.ts'
import { nameOf, outcomesIn, ROWS, readTable, renderTable } from './matrix-table.ts'
import { whyNoTools } from './tools.ts'

/** A whole installation of 100 MB, on a machine that does others at the same time. */
const LIMIT_MS = 90_000

/** Columns of the table. Every manager at its best and at its worst; `npm run install-matrix` shows all. */
const SHOWN = { local: [0, 3], global: [3] } as const

const missing = await whyNoTools()

describe.skipIf(missing !== undefined)(`an installation${missing ? ` (${missing})` : ''}`, () => {
  let source: Source
  let table: string

  beforeAll(async () => {
    table = await readTable()
    source = await startSource(OPENWORK)
  }, LIMIT_MS)

  afterAll(() => source?.[Symbol.asyncDispose]())

  for (const row of ROWS)
    for (const column of SHOWN[row.place]) {
      const way = WAYS[column] ?? { scripts: true, optional: true }
      const how = `${way.scripts ? 'with' : 'without'} scripts and optional dependencies`
      test(
        `by ${nameOf(row)}, ${how} starts as npm/README.md says`,
        async () => {
          const outcome: string = await install(row.manager, { place: row.place, ...way }, source)
          expect(outcome).toBe(outcomesIn(table, row)[column] ?? 'nothing')
        },
        LIMIT_MS,
      )
    }
})

test('npm/README.md has a row for every package manager in its pinned version', async () => {
  const table = await readTable()
  const outcomes = new Map(ROWS.map(row => [row, outcomesIn(table, row) as Outcome[]]))
  expect(table).toBe(renderTable(outcomes))
  expect([...outcomes.values()].flat()).toHaveLength(ROWS.length * WAYS.length)
})
