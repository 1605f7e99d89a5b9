import { askFiles, pathsFlags, SESSION_ARGUMENT, sessionFlags, sessionOf, severalPaths } from '../file-session.ts'
import { defineCommand } from '../kit/define.ts'

export const filesRead = defineCommand({
  path: 'files read',
  summary: 'Read files of a workspace',
  description: 'Contents come in base64. Exits 1 when a file could not be read.',
  examples: [{ command: 'openwork files read <session> README.md notes/todo.md', does: 'two files' }],
  args: {
    session: SESSION_ARGUMENT,
    files: { summary: 'Paths in the workspace', optional: true, variadic: true },
  },
  flags: { ...sessionFlags, ...pathsFlags },
  async run({ session, files, ...values }, context) {
    const { path, rest } = sessionOf(values, [session, ...files])
    const paths = severalPaths(values, rest)
    return askFiles(values, context, { method: 'POST', path: `${path}/read-batch`, body: { paths } })
  },
})
