import { z } from 'zod'
import { hotReloadStatus, reloadRequest } from './hot-reload.ts'

/**
 * What openwork-server and the program that runs it say to each other beside `runtime.ts`: the server asks at the
 * control address, under the control token.
 */

/** `POST /workspaces`: the program keeps the list, so it is the one to change it. */
export const controlAddWorkspace = z.object({ path: z.string().min(1).max(4096), name: z.string().max(200).optional() })
/** `PATCH /workspaces/:id`. */
export const controlRenameWorkspace = z.object({ name: z.string().max(200).nullable() })
/** The list in the server's settings file is up to date when this comes. */
export const controlWorkspacesChanged = z.object({ ok: z.literal(true), id: z.string() })

/** `POST /activity`: the first request for a workspace after a quiet time. */
export const controlActivity = z.object({ workspaceId: z.string(), at: z.number() })
export const controlNoted = z.object({ ok: z.literal(true) })

/** `GET /workspaces/activity` of openwork-server, for the host: who uses opencode through it. */
export const workspaceActivity = z.object({
  items: z.array(
    z.object({
      workspaceId: z.string(),
      /** Of the last request that was forwarded to opencode; null when there was none. */
      lastRequestAt: z.number().nullable(),
      /** Forwarded and not answered to the end yet, event streams left out. */
      openRequests: z.number(),
      /** Event streams that are open. */
      listeners: z.number(),
    }),
  ),
})
export type WorkspaceActivity = z.infer<typeof workspaceActivity>

/**
 * `POST /workspaces/holds` of openwork-server, for the host that is about to end instances of opencode: new requests for
 * the workspaces in these directories wait until the hold ends, or for `ttlMs`. Without `directories`, and where one is no
 * workspace's, those for every workspace of this machine.
 */
export const holdRequest = z.object({
  directories: z.array(z.string().min(1).max(4096)).max(4096).optional(),
  ttlMs: z.number().int().min(1).max(15_000).default(10_000),
})
/** Answered when what was passed on before is answered too, a second later at the latest. */
export const requestHold = z.object({
  id: z.string(),
  expiresAt: z.number(),
  /** Passed on before, with work that opencode may not show yet. The host is to take them for work. */
  openRequests: z.number(),
})
/** `DELETE /workspaces/holds/:id`; `released` is false for one that had ended by itself. */
export const holdReleased = z.object({ ok: z.literal(true), released: z.boolean() })

/** `POST /workspaces/reload` of openwork-server, for the host: the settings file's list is read anew. */
export const workspacesReread = z.object({ ok: z.literal(true), count: z.number() })

/** `GET /reload/status`, for commands of this machine: one for each directory that is looked after. */
export const controlReloadStatuses = z.object({ items: z.array(hotReloadStatus) })

/** `POST /reload`: of this directory, or of the only one. */
export const controlReloadRequest = reloadRequest.extend({ directory: z.string().min(1).max(4096).optional() })
