import { OpenworkError } from '../../shared/errors.ts'
import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToDaemon } from '../daemon/workspace-command.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { secret, text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { askText, canAsk } from '../prompts/prompts.ts'
import { showResult } from '../scripted-result.ts'

export const workspaceAddRemote = defineCommand({
  path: 'workspace add-remote',
  aliases: ['workspaces add-remote'],
  summary: 'Keep a workspace of an opencode somewhere else in the list',
  description:
    'It is asked with its own user name and password only. They are kept apart from the list, readable by you alone, and ' +
    `are never shown. Adding it again with another --name renames it. ${AUTOSTART}`,
  examples: [
    {
      command: 'openwork workspace add-remote https://box.example:4096 --directory /srv/app',
      does: 'one folder of it',
    },
  ],
  args: { baseUrl: { summary: 'http or https URL of that opencode', ask: askUrl } },
  flags: {
    directory: text({ perCall: true, summary: 'Folder on that machine' }),
    name: text({ perCall: true, summary: 'Name to call it by', defaultText: 'its folder and host' }),
    username: secret({ perCall: true, env: 'OPENWORK_REMOTE_USERNAME', summary: 'User name for it' }),
    password: secret({ perCall: true, env: 'OPENWORK_REMOTE_PASSWORD', summary: 'Password for it' }),
    ...autostartFlags,
  },
  async run({ baseUrl, directory, name, username, password, ...values }, context) {
    if (!isWebUrl(baseUrl))
      throw new OpenworkError(
        'invalid_value',
        `<base-url>: expected an http or https URL, got ${withoutPassword(baseUrl)}`,
        {
          hint: 'For a folder of this machine: openwork workspace add <path>',
        },
      )
    const { client } = await connectToDaemon(values, context)
    const added = await client.addRemote({
      baseUrl,
      ...(directory !== undefined && { directory }),
      ...(name !== undefined && { name }),
      ...(username !== undefined && { username: username.reveal() }),
      ...(password !== undefined && { password: password.reveal() }),
    })
    const { workspace, wasListed, notes = [] } = added
    for (const note of notes) context.output.note(onOneLine(note))
    showResult(context, { ok: true, ...added }, () => {
      const { name, id, baseUrl, directory } = workspace
      const place = directory === undefined ? baseUrl : `${directory} at ${baseUrl}`
      return onOneLine(
        `${place} ${wasListed ? 'was' : 'is'} in the list${wasListed ? ' already' : ''}; it is called ${name}, with the id ${id}`,
      )
    })
  },
})

const isWebUrl = (text: string): boolean => URL.canParse(text) && /^https?:\/\//i.test(text)

async function askUrl(_: unknown, context: Context): Promise<string | undefined> {
  if (!canAsk(context)) return undefined
  const check = (typed: string) => (isWebUrl(typed) ? undefined : 'A URL that begins with http:// or https://.')
  return await askText('At which URL does that opencode answer?', context, { check })
}

const withoutPassword = (url: string): string => url.replace(/\/\/[^/]*@/, '//***@')
