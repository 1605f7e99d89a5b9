import type { Exchange } from '../../http/exchange.ts'
import type { AccessQuestion } from '../../http/route.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Access } from '../admission.ts'
import type { ServerStreamRoute } from '../services.ts'

/** Viewers read; what else is forwarded is work. */
const accessByMethod = ({ request: { method } }: AccessQuestion): Access =>
  method === 'GET' || method === 'HEAD' ? { auth: 'client' } : { auth: 'client', scope: 'collaborator', writes: true }

const FAILS = [
  'workspace_unauthorized',
  'forbidden', // what shows credentials, and answers to permission requests
  'opencode_unconfigured',
  'opencode_unreachable',
  'opencode_invalid_answer',
] as const

/** The active workspace's opencode. */
const activeOpencode: ServerStreamRoute = {
  kind: 'stream',
  path: '/opencode/*',
  summary: 'opencode of the active workspace',
  access: accessByMethod,
  fails: FAILS,
  async handle({ caller, exchange, stillAdmitted }, { workspaces, opencode }) {
    const workspace = workspaces.active
    if (!workspace) throw new OpenworkError('opencode_unconfigured', 'No workspace is configured')
    workspaces.require(workspace.id)
    return opencode.handle({ exchange, caller, stillAdmitted, workspace, rest: restOf(exchange, 1), mounted: false })
  },
}

/** One workspace's opencode; requests cannot reach another folder than its own. */
const mountedOpencode = (prefix: '/w' | '/workspace'): ServerStreamRoute => ({
  kind: 'stream',
  path: `${prefix}/:id/opencode/*`,
  summary: 'opencode of one workspace',
  access: accessByMethod,
  fails: [...FAILS, 'workspace_not_found'],
  async handle({ params: { id = '' }, caller, exchange, stillAdmitted }, { workspaces, opencode }) {
    const workspace = workspaces.require(id)
    return opencode.handle({ exchange, caller, stillAdmitted, workspace, rest: restOf(exchange, 3), mounted: true })
  },
})

export const opencodeRoutes = [activeOpencode, mountedOpencode('/w'), mountedOpencode('/workspace')]

/** The path behind its first `segments` segments, as received. */
function restOf({ path }: Exchange, segments: number): string {
  let start = 0
  for (let index = 0; index < segments; index += 1) {
    start = path.indexOf('/', start + 1)
    if (start === -1) return ''
  }
  return path.slice(start)
}
