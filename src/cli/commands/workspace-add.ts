import { daemonFlags } from '../daemon/daemon-flags.ts'
import { ensureDaemon } from '../daemon/ensure-daemon.ts'
import { defineCommand } from '../kit/define.ts'
import { text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { localPath } from '../local-path.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceAdd = defineCommand({
  path: 'workspace add',
  aliases: ['workspaces add'],
  summary: 'Have the daemon serve a folder, and start the daemon if none runs',
  examples: [
    { command: 'openwork workspace add .', does: 'the current folder' },
    { command: 'openwork workspace add ~/project --name shop', does: 'another one, under a name' },
  ],
  args: { path: { summary: 'Folder; made when it is missing and its parent is there' } },
  flags: { name: text({ summary: 'Name to call it by', defaultText: "the folder's own" }), ...daemonFlags },
  async run({ path, name, ...values }, context) {
    const folder = localPath(path, context)
    const { client } = await ensureDaemon(values, context)
    const { activeId, workspace } = await client.addWorkspace({ path: folder, ...(name !== undefined && { name }) })
    showResult(context, { ok: true, activeId, workspace }, () =>
      onOneLine(`${workspace.name} is ${workspace.id}, served from ${workspace.path}`),
    )
  },
})
