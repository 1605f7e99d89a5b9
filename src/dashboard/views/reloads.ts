import { basename } from 'node:path'
import type { HostSnapshot } from '../../api/host.ts'
import type { HotReloadStatus } from '../../api/hot-reload.ts'
import { count } from '../format.ts'
import { cut, harmless, type Line, type Style, span } from '../text.ts'

const STATES: Record<HotReloadStatus['state'], { text: string; style: Style }> = {
  current: { text: 'up to date', style: { color: 'green' } },
  settling: { text: 'something has changed', style: { color: 'yellow' } },
  waiting: { text: 'waits for work to end', style: { color: 'yellow' } },
  overdue: { text: 'has waited long for work to end', style: { color: 'yellow', bold: true } },
  reloading: { text: 'reloading', style: { color: 'yellow' } },
  blocked: { text: 'a changed file cannot be used', style: { color: 'red', bold: true } },
  looping: { text: 'files change again and again, left alone', style: { color: 'red' } },
}

/** What of the changed files opencode has taken up. Where all is well, or not yet looked at, one line says so. */
export function reloadLines({ reloads }: HostSnapshot, columns: number): Line[] {
  if (reloads.length === 0) return []
  const notable = reloads.filter(each => (each.state !== 'current' && !isLookedAt(each)) || each.problems.length > 0)
  const first = reloads.find(isLookedAt) ?? reloads[0]
  if (notable.length === 0 && first) return [[span('  HOT RELOAD', { dim: true }), ...summary(first, reloads.length)]]
  return [
    [span('  HOT RELOAD', { dim: true })],
    ...notable.flatMap(status => [
      [
        span(`  ${harmless(basename(status.directory))}: `),
        span(STATES[status.state].text, STATES[status.state].style),
      ],
      ...status.problems.map(({ path, line, message }): Line => {
        const place = line === undefined ? '' : `:${line}`
        return [span(cut(`    └ ${harmless(`${path}${place} ${message}`)}`, columns), { color: 'red' })]
      }),
    ]),
  ]
}

/** Whether anything has changed at all is not known yet, as always when a host has started. */
const isLookedAt = ({ state, pending }: HotReloadStatus): boolean => state === 'settling' && pending.length === 0

function summary(status: HotReloadStatus, directories: number): Line {
  const { watching, reloads } = status
  const { text, style } = isLookedAt(status) ? { text: 'looking at the files', style: { dim: true } } : STATES.current
  const amount = directories > 1 ? ` (${count(directories, 'folder')})` : ''
  if (watching === 'off') return [span('  off; r reloads')]
  return [span(`  ${text}`, style), span(`${amount}  ${count(reloads, 'reload')} so far`, { dim: true })]
}
