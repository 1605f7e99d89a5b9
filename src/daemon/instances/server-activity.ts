import { type WorkspaceActivity, workspaceActivity } from '../../api/control.ts'
import { askServer, type OpenworkClientOptions } from '../../api/request.ts'

/** Who uses opencode through an openwork-server. Needs its host token. Throws as `OpenworkClient` does. */
export const serverActivity = (server: OpenworkClientOptions): Promise<WorkspaceActivity> =>
  askServer(server, { method: 'GET', path: '/workspaces/activity' }, workspaceActivity)
