import { askFiles, pathsFlags, SESSION_ARGUMENT, sessionFlags, sessionOf, severalPaths } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'

export const filesMkdir = defineCommand({
  path: 'files mkdir',
  summary: 'Make folders in a workspace, with their parents',
  args: {
    session: SESSION_ARGUMENT,
    folders: { summary: 'Paths in the workspace', optional: true, variadic: true },
  },
  flags: { ...sessionFlags, ...pathsFlags },
  async run({ session, folders, ...values }, context) {
    const { path, rest } = sessionOf(values, [session, ...folders])
    const operations = severalPaths(values, rest).map(folder => ({ type: 'mkdir', path: folder }))
    return askFiles(values, context, { method: 'POST', path: `${path}/ops`, body: { operations } }, { isChange: true })
  },
})
