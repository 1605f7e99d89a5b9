import { whoami as whoamiReply } from '../../api/whoami.ts'
import { ok } from '../../http/route.ts'
import { route } from '../services.ts'

export const whoami = route({
  method: 'GET',
  path: '/whoami',
  summary: 'Who the presented credential stands for',
  access: { auth: 'client' },
  reply: ok(whoamiReply),
  fails: [],
  handle: ({ caller }) => ({ ok: true, actor: caller.actor }),
})
