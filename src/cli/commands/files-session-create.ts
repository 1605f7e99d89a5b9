import { OpenworkError } from '../../shared/errors.ts'
import { askFiles, type Connection } from '../file-session.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, integer, text } from '../kit/flags.ts'
import { clientFlags, connect } from '../server-connection.ts'

export const filesSessionCreate = defineCommand({
  path: 'files session create',
  aliases: ['files session'],
  summary: 'Open a session for reading and changing files of a workspace',
  examples: [{ command: 'openwork files session create --ttl-seconds 3600', does: 'one that lasts an hour' }],
  args: { workspace: { summary: 'Workspace id', optional: true } },
  flags: {
    ...clientFlags,
    workspaceId: text({ perCall: true, summary: 'Workspace of the server', defaultText: 'the active one' }),
    ttlSeconds: integer({ unit: 'seconds', summary: 'How long it lasts when it is not renewed', defaultText: '900' }),
    write: bool({ perCall: true, default: true, summary: 'It may change files, if the token may' }),
  },
  async run({ workspace, workspaceId, ttlSeconds, write, ...values }, context) {
    const id = workspaceId ?? workspace ?? (await activeWorkspace(values, context))
    const path = `/workspace/${encodeURIComponent(id)}/files/sessions`
    return askFiles(values, context, { method: 'POST', path, body: { ttlSeconds, write } })
  },
})

async function activeWorkspace(values: Connection, context: Context): Promise<string> {
  const { client } = await connect(values, context, { as: 'client' })
  const { activeId } = await client.workspaces()
  if (activeId !== null) return activeId
  throw new OpenworkError('workspace_not_found', 'The server has no workspace')
}
