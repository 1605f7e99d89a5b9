import type { KeyBinding } from './keys.ts'
import { LOG_KEYS, type LogAction } from './logs/logs-keys.ts'
import { type State, VIEWS, type View } from './state.ts'

export type Action =
  | { type: 'show'; view: View }
  | { type: 'turn'; by: 1 | -1 }
  | { type: 'quit' | 'interrupt' | 'detach' | 'stop-host' | 'suspend' | 'redraw' }
  | { type: 'copy-attach' | 'toggle-bell' }
  | { type: 'move'; by: number } // rows; ±Infinity are the ends
  | { type: 'page'; by: 1 | -1 }
  | { type: 'restart' | 'reload' | 'pair' | 'secrets' }
  | { type: 'answer'; reply: 'allow' | 'deny' }
  | { type: 'logs'; action: LogAction }

const VIEW_KEYS: Record<View, { keys: readonly string[]; help: string }> = {
  overview: { keys: ['o', 'b'], help: 'Overview: services and how to connect' },
  logs: { keys: ['l'], help: 'Logs of all services' },
  approvals: { keys: ['a'], help: 'Approvals: requests that wait for an answer' },
  sessions: { keys: ['v'], help: 'Sessions of opencode' },
  router: { keys: ['w'], help: 'Router: Telegram and Slack' },
  help: { keys: ['?', 'h'], help: 'Help: this page' },
}

/** Everywhere, unless a view has its own meaning for the key. */
export const GLOBAL_KEYS: readonly KeyBinding<Action>[] = [
  ...VIEWS.map((view, index) => ({
    keys: [...VIEW_KEYS[view].keys, String(index + 1)],
    ...(view === 'help' ? { label: 'help' } : {}),
    help: VIEW_KEYS[view].help,
    action: { type: 'show', view } as const,
  })),
  { keys: ['Tab'], help: 'Next view', action: { type: 'turn', by: 1 } },
  { keys: ['⇧Tab'], help: 'View before', action: { type: 'turn', by: -1 } },
  { keys: ['c'], label: 'copy attach', help: 'Copy the attach command', action: { type: 'copy-attach' } },
  { keys: ['B'], help: 'Bell for new approvals on or off', action: { type: 'toggle-bell' } },
  {
    keys: ['d'],
    label: 'detach',
    help: 'Detach: leave, and let the host go on in the background',
    action: { type: 'detach' },
  },
  {
    keys: ['q'],
    label: 'quit',
    help: 'Quit; stops a host that was started here, and no other',
    action: { type: 'quit' },
  },
  { keys: ['^C'], help: 'As q; pressed again where q asks: yes', action: { type: 'interrupt' } },
  { keys: ['X'], help: 'Stop the host; who did not start it is asked first', action: { type: 'stop-host' } },
  { keys: ['^Z'], help: 'Suspend the dashboard; `fg` brings it back', action: { type: 'suspend' } },
  { keys: ['^L'], help: 'Draw the screen anew', action: { type: 'redraw' } },
]

/** Where a host has ended by itself, and has been read about. */
const LEAVE: KeyBinding<Action> = { keys: ['Enter'], help: 'Leave', action: { type: 'quit' } }

const MOVES: readonly KeyBinding<Action>[] = [
  { keys: ['↑', 'k'], help: 'One up', action: { type: 'move', by: -1 } },
  { keys: ['↓', 'j'], help: 'One down', action: { type: 'move', by: 1 } },
  { keys: ['PgUp', '^B'], help: 'One page up', action: { type: 'page', by: -1 } },
  { keys: ['PgDn', '^F', 'Space'], help: 'One page down', action: { type: 'page', by: 1 } },
  { keys: ['Home', 'g'], help: 'To the first', action: { type: 'move', by: Number.NEGATIVE_INFINITY } },
  { keys: ['End', 'G'], help: 'To the last', action: { type: 'move', by: Number.POSITIVE_INFINITY } },
]

/** Of one view, in the order of the footer; these come before the global ones. */
export const KEYS_OF_VIEW: Record<View, readonly KeyBinding<Action>[]> = {
  overview: [
    { keys: ['p'], label: 'pair', help: 'Pair a device: a link and its QR code', action: { type: 'pair' } },
    { keys: ['s'], label: 'secrets', help: 'Show secrets for 30 seconds, or hide them', action: { type: 'secrets' } },
    { keys: ['R'], label: 'restart', help: 'Restart the selected service', action: { type: 'restart' } },
    { keys: ['r'], label: 'reload', help: 'Reload opencode for the (selected) workspace', action: { type: 'reload' } },
    ...MOVES,
  ],
  logs: LOG_KEYS.map(binding => ({ ...binding, action: { type: 'logs', action: binding.action } })),
  approvals: [
    { keys: ['y'], label: 'allow', help: 'Allow the selected request', action: { type: 'answer', reply: 'allow' } },
    { keys: ['n'], label: 'deny', help: 'Deny the selected request', action: { type: 'answer', reply: 'deny' } },
    ...MOVES,
  ],
  sessions: MOVES,
  router: [],
  help: MOVES,
}

/** What is done by the host, or is of use only while there is one. */
const OF_A_LIVING_HOST: ReadonlySet<Action['type']> = new Set([
  'detach',
  'stop-host',
  'copy-attach',
  'toggle-bell',
  'restart',
  'reload',
  'pair',
  'secrets',
  'answer',
])

/** What keys a view has, its own first, without those that it gives another meaning. */
export function keysIn(
  view: View,
  { role, failure }: Pick<State, 'role'> & Partial<Pick<State, 'failure'>>,
): KeyBinding<Action>[] {
  const isOver = failure !== undefined
  const isOfUse = ({ action }: KeyBinding<Action>): boolean =>
    !(isOver && OF_A_LIVING_HOST.has(action.type)) && !(role === 'guest' && action.type === 'detach')
  const own = KEYS_OF_VIEW[view].filter(isOfUse)
  const taken = new Set(own.flatMap(({ keys }) => keys))
  const others = [...GLOBAL_KEYS, ...(isOver ? [LEAVE] : [])]
    .filter(isOfUse)
    .map(binding => ({ ...binding, keys: binding.keys.filter(key => !taken.has(key)) }))
    .filter(({ keys }) => keys.length > 0)
  return [...own, ...others]
}
