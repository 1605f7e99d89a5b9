import { type Route, routesOf, type StreamRoute } from '../http/route.ts'
import type { Access, Caller } from './admission.ts'
import type { OpencodeProxy } from './opencode-proxy.ts'
import type { Pairings } from './pairings.ts'
import type { ServerSettings } from './settings.ts'
import type { TokenStore } from './token-store.ts'
import type { Workspaces } from './workspaces.ts'

/** What the handlers of this program work with. */
export type Services = {
  settings: ServerSettings
  workspaces: Workspaces
  tokens: TokenStore
  pairings: Pairings
  opencode: OpencodeProxy
  /** `performance.now()` at the start. */
  startedMs: number
}

export type ServerRoute = Route<Access, Caller, Services>
export type ServerStreamRoute = StreamRoute<Access, Caller, Services>

export const route = routesOf<Access, Caller, Services>()
