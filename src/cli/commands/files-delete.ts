import { askFiles, pathsFlags, SESSION_ARGUMENT, sessionFlags, sessionOf, severalPaths } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'

export const filesDelete = defineCommand({
  path: 'files delete',
  summary: 'Delete files and folders of a workspace',
  args: {
    session: SESSION_ARGUMENT,
    targets: { summary: 'Paths in the workspace', optional: true, variadic: true },
  },
  flags: {
    ...sessionFlags,
    ...pathsFlags,
    recursive: bool({ perCall: true, default: false, summary: 'Folders with what is in them' }),
  },
  async run({ session, targets, recursive, ...values }, context) {
    const { path, rest } = sessionOf(values, [session, ...targets])
    const operations = severalPaths(values, rest).map(target => ({ type: 'delete', path: target, recursive }))
    return askFiles(values, context, { method: 'POST', path: `${path}/ops`, body: { operations } }, { isChange: true })
  },
})
