import { type AuditEntry, auditList, auditQuery } from '../../api/audit.ts'
import { ok } from '../../http/route.ts'
import { requireWorkspace, route } from '../services.ts'

export const readAudit = route({
  method: 'GET',
  path: '/workspace/:id/audit',
  summary: 'What was done through this server and refused by it, newest first',
  access: { auth: 'client' },
  query: auditQuery,
  reply: ok(auditList),
  fails: ['workspace_not_found', 'workspace_unauthorized'],
  handle: async ({ params: { id }, query, caller: { scope } }, services) => {
    const items = await services.audit.recent(requireWorkspace(services, id), query.limit)
    return { items: scope === 'viewer' ? items.map(withoutHash) : items }
  },
})

/** The hash of a token that a person chose could be found by trying. */
const withoutHash = ({ actor: { tokenHash: _hash, ...actor }, ...entry }: AuditEntry): AuditEntry => ({
  ...entry,
  actor,
})
