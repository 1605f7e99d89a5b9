import { health as healthReply } from '../../api/health.ts'
import { ok } from '../../http/route.ts'
import { VERSION } from '../../shared/version.ts'
import { route } from '../services.ts'

export const health = route({
  method: 'GET',
  path: '/health',
  summary: 'Whether the server runs, and its version',
  access: { auth: 'none' },
  reply: ok(healthReply),
  fails: [],
  handle: (_call, { startedMs }) => ({
    ok: true,
    version: VERSION,
    uptimeMs: Math.round(performance.now() - startedMs),
  }),
})
