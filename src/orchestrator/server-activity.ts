import { type WorkspaceActivity, workspaceActivity } from '../api/control.ts'
import { PROBE_USER_AGENT } from '../api/health.ts'
import { askServer, type OpenworkClientOptions } from '../api/request.ts'

/**
 * Who uses opencode through an openwork-server, which does not log that it was asked. Needs its host token. Throws as
 * `OpenworkClient` does.
 */
export const serverActivity = (server: OpenworkClientOptions): Promise<WorkspaceActivity> =>
  askServer(
    { ...server, userAgent: PROBE_USER_AGENT },
    { method: 'GET', path: '/workspaces/activity' },
    workspaceActivity,
  )
