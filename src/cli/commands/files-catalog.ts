import { askFiles, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, integer, text } from '../kit/flags.ts'

export const filesCatalog = defineCommand({
  path: 'files catalog',
  summary: 'List the files of a workspace, page by page',
  args: { session: SESSION_ARGUMENT },
  flags: {
    ...sessionFlags,
    prefix: text({ perCall: true, summary: 'Only this path and what is below it' }),
    after: text({ perCall: true, summary: 'Go on behind this path: nextAfter of the page before' }),
    limit: integer({ min: 1, max: 10_000, summary: 'At most so many', defaultText: '2000' }),
    includeDirs: bool({ default: true, summary: 'Folders too' }),
  },
  async run({ session, prefix, after, limit, includeDirs, ...values }, context) {
    const query = new URLSearchParams()
    if (prefix !== undefined) query.set('prefix', prefix)
    if (after !== undefined) query.set('after', after)
    if (limit !== undefined) query.set('limit', String(limit))
    if (!includeDirs) query.set('includeDirs', 'false')
    const path = `${sessionOf(values, [session]).path}/catalog/snapshot?${query}`
    return askFiles(values, context, { method: 'GET', path })
  },
})
