import { askFiles, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { integer } from '../kit/flags.ts'

export const filesSessionRenew = defineCommand({
  path: 'files session renew',
  summary: 'Let a file session last longer, from now',
  args: { session: SESSION_ARGUMENT },
  flags: {
    ...sessionFlags,
    ttlSeconds: integer({ unit: 'seconds', summary: 'How long it lasts when it is not renewed', defaultText: '900' }),
  },
  async run({ session, ttlSeconds, ...values }, context) {
    const path = `${sessionOf(values, [session]).path}/renew`
    return askFiles(values, context, { method: 'POST', path, body: { ttlSeconds } })
  },
})
