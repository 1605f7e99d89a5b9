import type { FileSession } from '../../api/files.ts'
import type { Workspace } from '../../api/workspaces.ts'
import type { Call } from '../../http/route.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Caller } from '../admission.ts'
import { requireWorkspace, type Services } from '../services.ts'

/** The session of a request and its workspace. Throws `file_session_not_found`, `forbidden`, `workspace_unauthorized`. */
export function requireSession(
  services: Services,
  { params, caller }: Pick<Call<Caller, 'sessionId'>, 'params' | 'caller'>,
): { session: FileSession; workspace: Workspace } {
  const session = services.fileSessions.require(params.sessionId, caller, Date.now())
  return { session, workspace: requireWorkspace(services, session.workspaceId) }
}

/** The same for a change. Throws `forbidden` for a session that only reads, too. */
export function requireWritableSession(
  services: Services,
  call: Pick<Call<Caller, 'sessionId'>, 'params' | 'caller'>,
): { workspace: Workspace } {
  const { session, workspace } = requireSession(services, call)
  if (!session.canWrite) throw new OpenworkError('forbidden', 'This file session is open for reading only')
  return { workspace }
}

/** What `requireSession` throws, except while a workspace goes; for a route's `fails`. */
export const SESSION_FAILS = ['file_session_not_found', 'forbidden', 'workspace_unauthorized'] as const
