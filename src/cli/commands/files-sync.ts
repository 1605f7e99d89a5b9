import { resolve } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, enumeration, list, text } from '../kit/flags.ts'
import { clientFlags, connect } from '../server-connection.ts'
import { takeInterruptions } from '../signals.ts'

export const filesSync = defineCommand({
  path: 'files sync',
  summary: 'Mirror a local folder to a workspace, or the other way round',
  description:
    'One way: what is new or changed at the source is brought to the target. A file of the target that was changed ' +
    'since the last sync, or that no sync put there, is never lost: it is kept beside as ' +
    '"name (conflict <date> <host>).ext". Files only: empty folders, permissions and symbolic links are left out, and ' +
    'files larger than 5 MB. Cut off, it goes on where it was when called again.\n\n' +
    'Left out are .git, node_modules, and what .openworkignore in the local folder and --ignore name in the language ' +
    'of .gitignore.',
  examples: [
    { command: 'openwork files sync ./notes docs/notes', does: 'bring notes to the workspace' },
    { command: 'openwork files sync ./out reports --direction down --delete', does: 'the other way, deletions too' },
    { command: 'openwork files sync . . --dry-run', does: 'see what would be done' },
  ],
  args: {
    localFolder: { summary: 'Folder on this machine' },
    remotePrefix: { summary: 'Folder in the workspace; `.` is the workspace itself' },
  },
  flags: {
    ...clientFlags,
    workspaceId: text({ summary: 'Workspace of the server', defaultText: 'the active one' }),
    direction: enumeration({
      perCall: true,
      values: ['up', 'down'],
      default: 'up',
      summary: 'up: to the server; down: from it',
    }),
    ignore: list({ default: [], summary: 'More patterns to leave out' }),
    dryRun: bool({ perCall: true, default: false, summary: 'Change nothing, say what would be done' }),
    delete: bool({
      perCall: true,
      default: false,
      summary: 'Also delete at the target what is gone at the source, if it is as the last sync left it',
    }),
  },
  async run({ localFolder, remotePrefix, direction, ignore, dryRun, ...values }, context) {
    const { output, stderr, cwd, home } = context
    if (localFolder.trim() === '') throw new OpenworkError('invalid_value', '<local-folder> is blank')
    const [{ syncFolders }, { ProgressLine }, { renderActions, renderResult }] = await Promise.all([
      import('../sync/sync-run.ts'),
      import('../sync/progress.ts'),
      import('../sync/report.ts'),
    ])
    const { url, token } = await connect(values, context, { as: 'client' })
    const interruptions = takeInterruptions()
    const progress = new ProgressLine(stderr, text => output.note(text))
    try {
      const sync = syncFolders(
        {
          folder: resolve(
            cwd,
            localFolder.replace(/^~(?=$|[/\\])/, () => home),
          ),
          prefix: remotePrefix,
          direction,
          server: { baseUrl: url, token },
          workspaceId: values.workspaceId,
          ignore,
          dryRun,
          deletes: values.delete,
          dataDir: values.dataDir,
          signal: interruptions.signal,
        },
        progress,
      )
      const { result, actions } = await Promise.race([sync, interruptions.forced])
      progress.end()
      const document = dryRun ? { ...result, actions } : result
      output.result(document, () => (dryRun ? renderActions(actions, direction) : renderResult(result)))
      return result.ok ? 0 : 1
    } catch (error) {
      progress.end()
      if (!interruptions.signal.aborted) throw error
      throw new OpenworkError('interrupted', 'Interrupted; call it again to go on', {
        exitCode: interruptions.exitCode(),
        cause: error,
      })
    } finally {
      interruptions.release()
    }
  },
})
