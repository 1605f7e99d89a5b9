import { fileSessionClosed, fileSessionReply, openFileSession, renewFileSession } from '../../api/files.ts'
import { SCOPES } from '../../api/tokens.ts'
import { ok } from '../../http/route.ts'
import { SESSION_FAILS } from '../files/require-session.ts'
import { requireFolder } from '../files/safe-path.ts'
import { requireWorkspace, route } from '../services.ts'

export const openFiles = route({
  method: 'POST',
  path: '/workspace/:id/files/sessions',
  summary: 'Open a session for reading and changing files in batches',
  access: { auth: 'client' },
  body: openFileSession,
  reply: ok(fileSessionReply),
  fails: ['invalid_json', 'invalid_payload', 'workspace_not_found', 'workspace_unauthorized', 'workspace_not_a_folder'],
  handle: ({ params: { id }, body, caller }, services) => {
    requireFolder(requireWorkspace(services, id))
    const mayWrite = SCOPES.indexOf(caller.scope) >= SCOPES.indexOf('collaborator')
    const canWrite = body.write && !services.settings.readOnly && mayWrite
    const request = { workspaceId: id, caller, canWrite, ttlSeconds: body.ttlSeconds }
    return { session: services.fileSessions.open(request, Date.now()) }
  },
})

export const renewFiles = route({
  method: 'POST',
  path: '/files/sessions/:sessionId/renew',
  summary: 'Let a file session live on from now',
  access: { auth: 'client' },
  body: renewFileSession,
  reply: ok(fileSessionReply),
  fails: ['invalid_json', 'invalid_payload', ...SESSION_FAILS],
  handle: ({ params, body, caller }, services) => {
    const session = services.fileSessions.renew(params.sessionId, caller, body.ttlSeconds, Date.now())
    requireWorkspace(services, session.workspaceId)
    return { session }
  },
})

export const closeFiles = route({
  method: 'DELETE',
  path: '/files/sessions/:sessionId',
  summary: 'Close a file session',
  access: { auth: 'client' },
  reply: ok(fileSessionClosed),
  fails: ['file_session_not_found', 'forbidden'],
  handle: ({ params, caller }, { fileSessions }) => {
    fileSessions.close(params.sessionId, caller, Date.now())
    return { ok: true as const }
  },
})
