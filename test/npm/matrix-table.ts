// The table of outcomes in npm/README.md.
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MANAGERS, type Manager, type Place } from './managers.ts'
import { type Outcome, WAYS } from './matrix.ts'

const README = resolve(import.meta.dir, '..', '..', 'npm', 'README.md')
const BEGIN = '<!-- install-matrix -->\n'
const END = '<!-- /install-matrix -->\n'

/** A row of the table: what the four `WAYS` come to. */
export type Row = { manager: Manager; place: Place }

export const ROWS: readonly Row[] = MANAGERS.flatMap(manager => manager.places.map(place => ({ manager, place })))

export const nameOf = ({ manager, place }: Row): string => `${manager.name}, ${place}`

const HEADINGS = [
  '',
  'scripts by default',
  ...WAYS.map(({ scripts, optional }) => `${scripts ? 'scripts' : 'no scripts'}${optional ? '' : ', no optional'}`),
]

export function renderTable(outcomes: ReadonlyMap<Row, readonly Outcome[]>): string {
  const rows = ROWS.map(row => [
    nameOf(row) + (row.manager.needsNewNode ? ' ¹' : ''),
    row.manager.scriptsByDefault ? 'run' : 'blocked',
    ...(outcomes.get(row) ?? []),
  ])
  const widths = HEADINGS.map((_, column) => Math.max(...[HEADINGS, ...rows].map(cells => cells[column]?.length ?? 0)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  return [HEADINGS, widths.map(width => '-'.repeat(width)), ...rows].map(line).join('')
}

/** The table as it stands in the README. */
export async function readTable(): Promise<string> {
  return (await split()).table
}

/** What the table says of one row, in the order of `WAYS`. */
export function outcomesIn(table: string, row: Row): string[] {
  const line = table.split('\n').find(each => each.startsWith(`| ${nameOf(row)} `)) ?? ''
  return line
    .split('|')
    .slice(3, -1)
    .map(cell => cell.trim())
}

export async function writeTable(table: string): Promise<void> {
  const { before, after } = await split()
  await writeFile(README, `${before}${BEGIN}${table}${END}${after}`)
}

async function split(): Promise<{ before: string; table: string; after: string }> {
  const [before = '', rest = ''] = (await readFile(README, 'utf8')).split(BEGIN)
  const [table, after] = rest.split(END)
  if (table === undefined || after === undefined) throw new Error(`${README} has no place for the table`)
  return { before, table, after }
}
