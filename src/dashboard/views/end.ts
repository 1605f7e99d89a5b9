import type { State } from '../state.ts'
import { cut, harmless, type Line, span, wrapped } from '../text.ts'

const LAST_LINES = 6
const INDENT = '    '

/** Why the host has ended, and the last lines of what it ended of. */
export function endLines({ snapshot, logs, size }: State, failure: string): Line[] {
  const lost = snapshot?.services.find(({ state }) => state === 'gave-up')?.name
  const last = logs.lines
    .toArray()
    .filter(({ service }) => lost === undefined || service === lost)
    .slice(-LAST_LINES)
  return [
    [span('  THE HOST HAS ENDED', { bold: true, color: 'red' }), span('  q leaves, l shows the log', { dim: true })],
    ...wrapped(harmless(failure), size.columns - INDENT.length).map((text): Line => [span(INDENT + text)]),
    ...(last.length
      ? [[span(lost === undefined ? '  ITS LAST LINES' : `  LAST LINES OF ${lost}`, { dim: true })]]
      : []),
    ...last.map(({ text }): Line => [span(cut(INDENT + text, size.columns))]),
  ]
}
