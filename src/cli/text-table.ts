import { onOneLine } from './kit/one-line.ts'

/** Columns side by side, two spaces apart. Cells may come from strangers: nothing in them moves the cursor. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows.map(row => row.map(onOneLine))]
  const widths = head.map((_, column) => Math.max(...lines.map(line => Bun.stringWidth(line[column] ?? ''))))
  const pad = (cell: string, column: number): string =>
    cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell)))
  return lines.map(line => line.map(pad).join('  ').trimEnd()).join('\n')
}
