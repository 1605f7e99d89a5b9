import type { HostSnapshot } from '../../api/host.ts'
import { overviewItems, placeOf, type State } from '../state.ts'
import { harmless, type Line, span, wrapped } from '../text.ts'
import { connectionLines } from './connection.ts'
import { endLines } from './end.ts'
import { reloadLines } from './reloads.ts'
import { serviceDetails } from './service-details.ts'
import { serviceRows } from './services.ts'
import { windowOf } from './table.ts'
import { workspaceRows } from './workspaces.ts'

/** Of what is told of the connection: its title and its address. */
const ADDRESS_ROWS = 2

/**
 * Services, workspaces, how to connect, what was warned of, and reloads. When there is not enough room, blank lines go
 * first, then what is below; the lists keep what is selected in view.
 */
export function overviewView(state: State, rows: number): Line[] {
  const { snapshot, size } = state
  if (!snapshot) return [[], [span('  Waiting for the host to tell what it runs…', { dim: true })]]
  const items = overviewItems(state)
  const selected = items[placeOf(items, ({ key }) => key === state.selected.overview)]
  const services = serviceRows(snapshot.services, state, selected?.key)
  const workspaces = snapshot.serves === 'listed' ? workspaceRows(snapshot.workspaces, state, selected?.key) : undefined
  const connection = state.failure === undefined ? connectionLines(state) : endLines(state, state.failure)
  const reloads = reloadLines(snapshot, size.columns)
  const details = selected?.type === 'service' ? serviceDetails(selected.service, state, services.dropped) : []

  const isInWorkspaces = selected?.type === 'workspace'
  const blocks: Line[][] = []
  let left = rows
  const add = (lines: Line[]) => {
    const shown = lines.slice(0, Math.max(0, left))
    left -= shown.length
    blocks.push(shown)
  }
  // The list with the selection must not be pushed out by the other, nor by what is told of the selected one.
  const servicesRows =
    workspaces && isInWorkspaces
      ? Math.min(services.lines.length, Math.max(1, rows - 5))
      : Math.max(3, rows - 1 - details.length)
  add([services.heading, ...windowOf(services.lines, services.place, Math.max(1, servicesRows))])
  // Secrets were asked for; otherwise the address alone has to be left.
  const kept = state.secrets.state === 'shown' ? connection.length : ADDRESS_ROWS
  add(details.slice(0, Math.max(0, left - kept)))
  if (workspaces) {
    const rest = connection.length + reloads.length
    const room = Math.min(
      left - 1,
      Math.max(isInWorkspaces ? 5 : 2, Math.min(workspaces.lines.length, left - rest - 3)),
    )
    add([workspaces.heading, ...windowOf(workspaces.lines, workspaces.place, Math.max(1, room))])
  }
  add(connection)
  add(noticeLines(snapshot, size.columns))
  if (reloads.length) add(reloads)
  return spread(blocks, left)
}

/** A blank line before each block but the first, as long as there are some to spare. */
function spread(blocks: readonly Line[][], spare: number): Line[] {
  let left = spare
  return blocks.flatMap((block, index) => {
    if (index === 0 || block.length === 0 || left === 0) return block
    left -= 1
    return [[], ...block]
  })
}

/** What was warned of while the host started. */
function noticeLines({ notices = [] }: HostSnapshot, columns: number): Line[] {
  if (notices.length === 0) return []
  return [
    [span('  NOTICES', { dim: true })],
    ...notices.flatMap(notice =>
      wrapped(harmless(notice), columns - 4).map(
        (row, index): Line => [span(index ? '    ' : '  ▲ ', { color: 'yellow' }), span(row)],
      ),
    ),
  ]
}
