import { askFiles, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'

export const filesSessionClose = defineCommand({
  path: 'files session close',
  aliases: ['files session delete'],
  summary: 'Close a file session',
  args: { session: SESSION_ARGUMENT },
  flags: sessionFlags,
  async run({ session, ...values }, context) {
    return askFiles(values, context, { method: 'DELETE', path: sessionOf(values, [session]).path })
  },
})
