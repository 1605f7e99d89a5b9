import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workspaceConfig } from '../../src/api/config.ts'
import { asClient, startServer } from './start-server.ts'

test('viewers see which settings there are, but no key, token, header or variable', async () => {
  await using server = await startServer()
  const secrets = ['provider-key', 'mcp-variable', 'mcp-header-value', 'Bearer abcdef123456']
  const settings = {
    model: 'a/b',
    provider: { a: { options: { apiKey: secrets[0], baseURL: 'https://models.example' } } },
    mcp: {
      local: { type: 'local', command: ['run'], environment: { KEY: secrets[1] } },
      remote: {
        type: 'remote',
        url: 'https://mcp.example',
        headers: { 'X-Key': secrets[2], Authorization: secrets[3] },
      },
    },
  }
  await writeFile(join(server.workspace, 'opencode.json'), JSON.stringify(settings))
  const see = async (headers: Record<string, string>) =>
    workspaceConfig.parse((await server.json(`/workspace/${server.workspaceId}/config`, { headers })).body).opencode

  const seen = await see(await server.tokenOf('viewer'))

  for (const secret of secrets) expect(JSON.stringify(seen)).not.toContain(secret)
  expect(seen).toMatchObject({
    model: 'a/b',
    mcp: { remote: { url: 'https://mcp.example', headers: { 'X-Key': '[REDACTED]' } } },
  })
  expect(await see(asClient)).toEqual(settings)
})
