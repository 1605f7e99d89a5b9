import { askFiles, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { integer, text } from '../kit/flags.ts'

export const filesEvents = defineCommand({
  path: 'files events',
  summary: 'List what changed in a workspace',
  args: { session: SESSION_ARGUMENT },
  flags: {
    ...sessionFlags,
    since: integer({ perCall: true, summary: 'Only behind this event: cursor of the answer before' }),
    epoch: text({ perCall: true, summary: 'What --since counts in: epoch of the answer before' }),
    waitFor: integer({ perCall: true, unit: 'seconds', max: 25, summary: 'Wait so long when nothing changed yet' }),
  },
  async run({ session, since, epoch, waitFor, ...values }, context) {
    const query = new URLSearchParams()
    if (since !== undefined) query.set('since', String(since))
    if (epoch !== undefined) query.set('epoch', epoch)
    if (waitFor !== undefined) query.set('wait', String(waitFor))
    const path = `${sessionOf(values, [session]).path}/catalog/events?${query}`
    return askFiles(values, context, { method: 'GET', path })
  },
})
