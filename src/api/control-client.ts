import type { z } from 'zod'
import { type controlReloadRequest, controlReloadStatuses } from './control.ts'
import { type HotReloadStatus, type ReloadReport, reloaded } from './hot-reload.ts'
import { askServer, type OpenworkClientOptions } from './request.ts'

/** Calls of a host by commands of the same machine, at the address and under the token of its run record. */
export type ControlClient = {
  /** Throws `not_available` while the host is not ready. */
  reloadStatuses(): Promise<HotReloadStatus[]>
  /** Without `force`, `workspace_busy` when that would end work; `opencode_config_invalid` for what cannot be read. */
  reload(request: z.input<typeof controlReloadRequest>): Promise<ReloadReport>
}

export const controlClient = (options: OpenworkClientOptions): ControlClient => ({
  reloadStatuses: async () =>
    (await askServer(options, { method: 'GET', path: '/reload/status' }, controlReloadStatuses)).items,
  reload: async body => (await askServer(options, { method: 'POST', path: '/reload', body }, reloaded)).report,
})
