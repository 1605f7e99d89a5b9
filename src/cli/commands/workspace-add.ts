import { OpenworkError } from '../../shared/errors.ts'
import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToDaemon } from '../daemon/workspace-command.ts'
import { defineCommand } from '../kit/define.ts'
import { text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { localPath } from '../local-path.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceAdd = defineCommand({
  path: 'workspace add',
  aliases: ['workspaces add'],
  summary: 'Have the daemon serve a folder, and start the daemon if none runs',
  description: `A folder that is served already keeps its id, and gets the name that is given: that renames it. ${AUTOSTART}`,
  examples: [
    { command: 'openwork workspace add .', does: 'the current folder' },
    { command: 'openwork workspace add ~/project --name shop', does: 'another one, under a name' },
  ],
  args: { path: { summary: 'Folder; made when it is missing and its parent is there' } },
  flags: {
    name: text({ perCall: true, summary: 'Name to call it by', defaultText: "the folder's own" }),
    ...autostartFlags,
  },
  async run({ path, name, ...values }, context) {
    if (/^https?:\/\//i.test(path))
      throw new OpenworkError('invalid_value', '<path>: expected a folder, got a URL', {
        hint: 'For an opencode somewhere else: openwork workspace add-remote <base-url>',
      })
    const folder = localPath(path, context)
    const { client } = await connectToDaemon(values, context)
    const added = await client.addWorkspace({ path: folder, ...(name !== undefined && { name }) })
    const { workspace, created, wasListed, notes = [] } = added
    for (const note of notes) context.output.note(onOneLine(note))
    showResult(context, { ok: true, ...added }, () => {
      const how = wasListed ? 'was served already' : created ? 'is served, and was made: it is empty' : 'is served'
      return onOneLine(`${workspace.path} ${how}; it is called ${workspace.name}, with the id ${workspace.id}`)
    })
  },
})
