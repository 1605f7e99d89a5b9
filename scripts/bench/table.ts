import { figure, isWithin, type Measurement } from './measure.ts'

const HEADINGS = ['', 'measured', 'against', 'figure', 'budget', '']

/** The measurements as lines of text, columns aligned. */
export function renderTable(measurements: readonly Measurement[]): string {
  const rows = [HEADINGS, ...measurements.map(row)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map(cells => cells[column]?.length ?? 0)))
  return rows
    .map(cells =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function row(measurement: Measurement): string[] {
  const { name, value, unit, floor, budget } = measurement
  const told = [name, `${short(value)} ${unit}`, floor ? `${floor.name} ${short(floor.value)}` : '']
  if (!budget) return told
  const limit = 'atMost' in budget ? `≤ ${short(budget.atMost)}` : `≥ ${short(budget.atLeast)}`
  const suffix = budget.of === 'ratio' ? '×' : ` ${unit}`
  return [
    ...told,
    `${short(figure(measurement))}${suffix}`,
    `${limit}${suffix}`,
    isWithin(measurement) ? 'pass' : 'OVER',
  ]
}

const short = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2))
