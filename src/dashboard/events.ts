import type { HostCredentials, HostPairing } from '../api/host.ts'
import type { EngineWork } from '../api/hot-reload.ts'
import type { KeyPress } from './keys.ts'
import type { SourceEvent } from './source.ts'
import type { Effect, Size, State, Toast } from './state.ts'

/** All that can happen to the dashboard. */
export type DashboardEvent =
  | SourceEvent
  | { type: 'key'; press: KeyPress }
  | { type: 'pasted'; text: string }
  | { type: 'size'; size: Size }
  | { type: 'tick'; nowMs: number }
  // what became of effects
  | { type: 'said'; text: string; tone: Toast['tone'] }
  | { type: 'credentials'; credentials: HostCredentials | undefined }
  | { type: 'paired'; pairing: HostPairing | undefined }
  | { type: 'answered'; id: string }
  /** Refused because of what is at work, where that is known; the same effect with force would do it. */
  | { type: 'busy'; work: EngineWork | undefined; effect: Extract<Effect, { force: boolean }> }
  | { type: 'stopping' }
  | { type: 'not-stopped'; reason: string }

export type Outcome = { state: State; effects: readonly Effect[] }

const TOAST_MS = 2_500
export const SECRETS_SHOWN_MS = 30_000

export const stay = (state: State): Outcome => ({ state, effects: [] })
export const act = (state: State, ...effects: Effect[]): Outcome => ({ state, effects })

export const say = (state: State, text: string, tone: Toast['tone'] = 'plain'): State => ({
  ...state,
  toast: { text, tone, untilMs: state.nowMs + (tone === 'bad' ? 2 * TOAST_MS : TOAST_MS) },
})

/** Until something else is said, which its outcome is. */
export const saying = (state: State, text: string): State => ({
  ...state,
  toast: { text, tone: 'plain', untilMs: Number.POSITIVE_INFINITY },
})
