import { OpenworkError } from '../../shared/errors.ts'
import { askFiles, SESSION_ARGUMENT, sessionFlags, sessionOf } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, text } from '../kit/flags.ts'

export const filesRename = defineCommand({
  path: 'files rename',
  summary: 'Rename or move a file or folder of a workspace',
  args: {
    session: SESSION_ARGUMENT,
    source: { summary: 'Path in the workspace', optional: true },
    goal: { summary: 'Its new path', optional: true },
  },
  flags: {
    ...sessionFlags,
    from: text({ perCall: true, summary: 'Path in the workspace' }),
    to: text({ perCall: true, summary: 'Its new path' }),
    overwrite: bool({ perCall: true, default: false, summary: 'Replace a file that has the new path' }),
  },
  async run({ session, source, goal, from, to, overwrite, ...values }, context) {
    const { path, rest } = sessionOf(values, [session, source, goal])
    const words = [...rest]
    const operation = { type: 'rename', from: from ?? words.shift(), to: to ?? words.shift(), overwrite }
    if (operation.from === undefined || operation.to === undefined)
      throw new OpenworkError('missing_argument', 'A rename needs the old path and the new one')
    if (words.length > 0) throw new OpenworkError('unexpected_argument', `"${words[0]}" is one path too many`)
    return askFiles(
      values,
      context,
      { method: 'POST', path: `${path}/ops`, body: { operations: [operation] } },
      { isChange: true },
    )
  },
})
