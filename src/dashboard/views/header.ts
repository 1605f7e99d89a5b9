import { basename } from 'node:path'
import type { HostSnapshot } from '../../api/host.ts'
import { duration } from '../format.ts'
import { hasRule, type State, VIEWS, type View } from '../state.ts'
import { cutLine, harmless, justify, type Line, type Style, span, widthOf } from '../text.ts'

export const TITLES: Record<View, string> = {
  overview: 'Overview',
  logs: 'Logs',
  approvals: 'Approvals',
  sessions: 'Sessions',
  router: 'Router',
  help: 'Help',
}

const HEALTH: Record<HostSnapshot['health'], { text: string; style: Style }> = {
  starting: { text: '◐ Starting', style: { color: 'yellow' } },
  ready: { text: '● All green', style: { color: 'green' } },
  degraded: { text: '▲ Degraded', style: { color: 'yellow', bold: true } },
  stopping: { text: '◌ Stopping', style: { color: 'yellow' } },
  failed: { text: '✖ Failed', style: { color: 'red', bold: true } },
}

/** What host this is and how it does, the views with what waits in them, and a banner while it does not answer. */
export function headerLines(state: State): Line[] {
  const { columns } = state.size
  return [
    titleLine(state),
    tabsLine(state),
    ...(hasRule(state.size) ? [[span('─'.repeat(columns), { dim: true })]] : []),
    ...bannerLines(state),
  ]
}

const SILENT = { text: '◌ No answer', style: { color: 'yellow', bold: true } } as const

function titleLine({ snapshot, size, nowMs, rings, role, failure, connection }: State): Line {
  if (!snapshot) return [span('openwork', { bold: true }), span('  ◐ Connecting…', { color: 'yellow' })]
  const isLost = connection.state === 'lost'
  const health = isLost ? SILENT : HEALTH[snapshot.health]
  const right = [span(health.text, health.style)]
  const uptime = span(failure === undefined && !isLost ? `  up ${duration(nowMs - snapshot.startedAt)}` : '', {
    dim: true,
  })
  const name = snapshot.serves === 'listed' ? 'daemon' : harmless(basename(snapshot.workspace) || snapshot.workspace)
  const left = [span('openwork', { bold: true }), span(` ${name}`)]
  const notes = [
    `v${snapshot.version}`,
    `run ${shortId(snapshot.runId)}`,
    ...(snapshot.isDetached ? ['background'] : role === 'guest' ? ['guest'] : []),
    ...(snapshot.readOnly ? ['read-only'] : []),
    ...(rings ? [] : ['bell off']),
  ]
  // What tells least goes first when there is no room.
  for (let kept = notes.length; kept >= 0; kept--) {
    const line = [...left, ...notes.slice(0, kept).map(note => span(` · ${note}`, { dim: true }))]
    const end = kept === 0 ? right : [...right, uptime]
    if (widthOf(line) + widthOf(end) + 1 <= size.columns) return justify(line, end, size.columns)
  }
  return justify(cutLine(left, size.columns - widthOf(right) - 1), right, size.columns)
}

/** As every command takes it: the start of a random id is enough. */
const shortId = (id: string): string => (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? id.slice(0, 8) : harmless(id))

function tabsLine(state: State): Line {
  const full = tabs(state, view => `${TITLES[view]}${badge(state, view)}`)
  if (widthOf(full) <= state.size.columns) return full
  const short = tabs(state, view =>
    view === state.view ? `${TITLES[view]}${badge(state, view)}` : `${TITLES[view].slice(0, 3)}${badge(state, view)}`,
  )
  if (widthOf(short) <= state.size.columns) return short
  return tabs(state, view => (view === state.view ? TITLES[view] : view === 'approvals' ? badge(state, view) : ''))
}

function tabs(state: State, nameOf: (view: View) => string): Line {
  return VIEWS.flatMap((view, index): Line => {
    const name = nameOf(view)
    const text = name ? `${index + 1} ${name}` : `${index + 1}`
    const isWaiting = view === 'approvals' && badge(state, view) !== ''
    if (view === state.view) return [span(`[${text}]`, { bold: true, inverse: true })]
    return [span(` ${text} `, isWaiting ? { color: 'yellow', bold: true } : { dim: true })]
  })
}

function badge({ snapshot }: State, view: View): string {
  const amount =
    view === 'approvals' ? snapshot?.approvals?.length : view === 'sessions' ? snapshot?.sessions?.length : undefined
  return amount ? ` (${amount})` : ''
}

function bannerLines({ connection, failure, nowMs, size }: State): Line[] {
  const banner = (text: string): Line[] => [[span(text.padEnd(size.columns), { inverse: true, color: 'red' })]]
  if (failure !== undefined) return banner(` The host has ended, q leaves: ${harmless(failure)}`)
  if (connection.state !== 'lost') return []
  const since = duration(nowMs - connection.sinceMs)
  return banner(` Connection lost for ${since}, trying again: ${harmless(connection.reason)}`)
}
