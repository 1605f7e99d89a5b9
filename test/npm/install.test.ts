import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { install, type Outcome, type Source, startSource, WAYS } from './matrix.ts'
import { nameOf, outcomesIn, ROWS, readTable, renderTable } from './matrix-table.ts'
import { newPackageFolder, type PackageFolder } from './package-folder.ts'
import { whyNoTools } from './tools.ts'

/** A whole installation, on a machine that does others at the same time. */
const LIMIT_MS = 60_000

/**
 * The column of the table that asks most of the launcher, with a small program as the executable. The first column is
 * upgrade.test.ts's, the real executable e2e/npm-package.test.ts's; `npm run install-matrix` has all of that.
 */
const COLUMN = 3
const WAY = { scripts: false, optional: false }

const missing = await whyNoTools()

describe.skipIf(missing !== undefined)(`an installation${missing ? ` (${missing})` : ''}`, () => {
  let folder: PackageFolder
  let source: Source
  let table: string

  beforeAll(async () => {
    table = await readTable()
    folder = await newPackageFolder()
    source = await startSource(folder.executable)
  }, LIMIT_MS)

  afterAll(async () => {
    await source?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  for (const row of ROWS)
    test(
      `by ${nameOf(row)}, without scripts and optional dependencies starts as npm/README.md says`,
      async () => {
        const outcome: string = await install(row.manager, { place: row.place, ...WAY }, source, { again: false })
        expect(outcome).toBe(outcomesIn(table, row)[COLUMN] ?? 'nothing')
      },
      LIMIT_MS,
    )
})

test('npm/README.md has a row for every package manager in its pinned version', async () => {
  const table = await readTable()
  const outcomes = new Map(ROWS.map(row => [row, outcomesIn(table, row) as Outcome[]]))
  expect(table).toBe(renderTable(outcomes))
  expect(WAYS[COLUMN]).toEqual(WAY)
  expect([...outcomes.values()].flat()).toHaveLength(ROWS.length * WAYS.length)
})
