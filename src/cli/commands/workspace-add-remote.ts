import { daemonFlags } from '../daemon/daemon-flags.ts'
import { ensureDaemon } from '../daemon/ensure-daemon.ts'
import { defineCommand } from '../kit/define.ts'
import { secret, text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceAddRemote = defineCommand({
  path: 'workspace add-remote',
  aliases: ['workspaces add-remote'],
  summary: 'Keep a workspace of an opencode somewhere else in the list',
  description:
    'It is asked with its own user name and password only. They are kept apart from the list, readable by you alone, and ' +
    'are never shown.',
  examples: [
    {
      command: 'openwork workspace add-remote https://box.example:4096 --directory /srv/app',
      does: 'one folder of it',
    },
  ],
  args: { baseUrl: { summary: 'http or https URL of that opencode' } },
  flags: {
    directory: text({ summary: 'Folder on that machine' }),
    name: text({ summary: 'Name to call it by', defaultText: 'the URL' }),
    username: secret({ env: 'OPENWORK_REMOTE_USERNAME', summary: 'User name for it' }),
    password: secret({ env: 'OPENWORK_REMOTE_PASSWORD', summary: 'Password for it' }),
    ...daemonFlags,
  },
  async run({ baseUrl, directory, name, username, password, ...values }, context) {
    const { client } = await ensureDaemon(values, context)
    const { activeId, workspace } = await client.addRemote({
      baseUrl,
      ...(directory !== undefined && { directory }),
      ...(name !== undefined && { name }),
      ...(username !== undefined && { username: username.reveal() }),
      ...(password !== undefined && { password: password.reveal() }),
    })
    showResult(context, { ok: true, activeId, workspace }, () =>
      onOneLine(`${workspace.name} is ${workspace.id}, at ${workspace.baseUrl} ${workspace.directory ?? ''}`.trimEnd()),
    )
  },
})
