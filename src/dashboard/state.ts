import type { HostCredentials, HostPairing, HostService, HostSnapshot, HostWorkspace } from '../api/host.ts'
import { type LogsModel, newLogs } from './logs/logs-model.ts'
import { cut, harmless, wrapped } from './text.ts'

export const VIEWS = ['overview', 'logs', 'approvals', 'sessions', 'router', 'help'] as const
export type View = (typeof VIEWS)[number]

export type Size = { rows: number; columns: number }

/** Something to do that the dashboard itself cannot; what it leads to comes back as an event. */
export type Effect =
  | { type: 'restart'; service: string; force: boolean }
  | { type: 'reload'; directory: string; force: boolean }
  | { type: 'reply'; id: string; reply: 'allow' | 'deny' }
  | { type: 'credentials' }
  | { type: 'pairing' }
  | { type: 'stop'; force: boolean }
  | { type: 'copy'; text: string; what: string }
  /** `file` as it was typed. */
  | { type: 'export'; text: string; file: string; what: string }
  | { type: 'bell' }
  | { type: 'suspend' }
  /** All of the screen, whatever the terminal shows. */
  | { type: 'redraw' }
  | { type: 'leave'; how: 'left' | 'detached' }
  | { type: 'leave'; how: 'ended'; failure: string | undefined }

/** What lies over the view and has the keys. */
export type Modal =
  | { type: 'confirm'; title: string; text: readonly string[]; effect: Effect }
  /** `isRemote`: other machines reach the host. */
  | { type: 'pairing'; pairing: HostPairing | undefined; isRemote: boolean }

export type Toast = { text: string; tone: 'good' | 'bad' | 'plain'; untilMs: number }

/** Secrets are fetched when they are to be seen, and forgotten with that. */
export type Secrets =
  | { state: 'hidden' }
  | { state: 'fetching' }
  | { state: 'shown'; credentials: HostCredentials; untilMs: number }

export type State = {
  role: 'owner' | 'guest'
  nowMs: number
  size: Size
  view: View
  /** Undefined until the host was heard of. */
  snapshot: HostSnapshot | undefined
  /** Why the host has ended by itself: what was known of it last is shown until that has been read. */
  failure: string | undefined
  connection: { state: 'connecting' | 'connected' } | { state: 'lost'; reason: string; sinceMs: number }
  logs: LogsModel
  /** Selected by what it is, not by its place: lists move under it. */
  selected: { overview: string | undefined; approval: string | undefined; session: string | undefined }
  /** First row of the help. */
  helpTop: number
  modal: Modal | undefined
  toast: Toast | undefined
  secrets: Secrets
  /** Whether the terminal rings when somebody waits for an answer. */
  rings: boolean
  /** The owner wants out, and the host was asked whether that ends work. */
  isStopping: boolean
  /** Answers on their way, by the id of the approval. */
  answering: ReadonlySet<string>
  /** Not before: the selected request has only just come to its place. */
  answersFromMs: number
}

export const initialState = (role: State['role'], size: Size, nowMs: number): State => ({
  role,
  nowMs,
  size,
  view: 'overview',
  snapshot: undefined,
  failure: undefined,
  connection: { state: 'connecting' },
  logs: newLogs(),
  selected: { overview: undefined, approval: undefined, session: undefined },
  helpTop: 0,
  modal: undefined,
  toast: undefined,
  secrets: { state: 'hidden' },
  rings: true,
  isStopping: false,
  answering: new Set(),
  answersFromMs: 0,
})

/** A row of the overview that can be selected. */
export type OverviewItem =
  | { key: string; type: 'service'; service: HostService }
  | { key: string; type: 'workspace'; workspace: HostWorkspace }

/** Services, then workspaces where there can be several. */
export function overviewItems({ snapshot }: Pick<State, 'snapshot'>): OverviewItem[] {
  if (!snapshot) return []
  const services = snapshot.services.map(service => ({
    key: `service ${service.name}`,
    type: 'service' as const,
    service,
  }))
  if (snapshot.serves === 'one') return services
  const workspaces = snapshot.workspaces.map(workspace => ({
    key: `workspace ${workspace.id}`,
    type: 'workspace' as const,
    workspace,
  }))
  return [...services, ...workspaces]
}

/** The place of what is selected; that of the first when it is gone, or nothing was. */
export const placeOf = <Item>(items: readonly Item[], isSelected: (item: Item) => boolean): number =>
  Math.max(0, items.findIndex(isSelected))

export function selectedItem(state: State): OverviewItem | undefined {
  const items = overviewItems(state)
  return items[placeOf(items, ({ key }) => key === state.selected.overview)]
}

/** What would end with the host. */
export const workAt = (snapshot: HostSnapshot | undefined) =>
  (snapshot?.sessions ?? []).filter(({ state }) => state !== 'idle')

/** The lines between header and footer. */
export const bodyRows = (state: Pick<State, 'size' | 'connection' | 'failure' | 'toast' | 'modal'>): number =>
  Math.max(1, state.size.rows - headerRows(state) - footerRows(state))

/** Title, tabs, and a banner while the connection is lost or the host is gone; a rule where there is room for it. */
export const headerRows = ({ size, connection, failure }: Pick<State, 'size' | 'connection' | 'failure'>): number =>
  2 + (connection.state === 'lost' || failure !== undefined ? 1 : 0) + (hasRule(size) ? 1 : 0)

const MOST_TOAST_ROWS = 3

/** What has just happened, in as many rows as it takes; a small window has room for one. */
export function toastRows({ text }: Toast, size: Size): string[] {
  const width = size.columns - 2
  const most = hasRule(size) ? MOST_TOAST_ROWS : 1
  const rows = wrapped(harmless(text), width)
  const last = rows.slice(most - 1).join(' ')
  return last ? [...rows.slice(0, most - 1), cut(last, width)] : rows
}

/** One row, unless what has just happened takes more. It takes the place of the keys, but not of those of a question. */
export const footerRows = ({ size, toast, modal }: Pick<State, 'size' | 'toast' | 'modal'>): number =>
  toast ? toastRows(toast, size).length + (modal ? 1 : 0) : 1

export const hasRule = ({ rows }: Size): boolean => rows >= 16

export const SMALLEST: Size = { rows: 10, columns: 40 }
export const isTooSmall = ({ rows, columns }: Size): boolean => rows < SMALLEST.rows || columns < SMALLEST.columns
