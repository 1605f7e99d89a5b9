import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { configSchemaOf, openApi, opencodeClient } from '../../src/api/opencode-client.ts'
import { CONFIG_SCHEMA } from '../../src/api/opencode-config-schema.generated.ts'
import { secret } from '../../src/shared/secret.ts'
import { type RunningOpencode, startOpencode } from '../fixtures/opencode.ts'
import { watching } from './watching.ts'

const agent = '.opencode/agent/a.md'
const command = '.opencode/command/c.md'
const markdown = (...lines: string[]): string => ['---', ...lines, '---', 'body'].join('\n')

/** File, text, and what is told of it; nothing: opencode can read it. */
const CASES: readonly (readonly [file: string, text: string, told?: string])[] = [
  ['opencode.json', '{\n  "username":\n', 'opencode.json:3:1 not JSON: a value is missing'],
  ['opencode.json', '{} {}', 'opencode.json:1:4 not JSON: something follows the end'],
  ['opencode.jsonc', '// hi\n{ "username": "a", /* x */ }'],
  ['opencode.json', ''],
  ['opencode.json', '\uFEFF{"username":"a"}'],
  ['opencode.json', '[]', 'opencode.json:1:1 not an object'],
  ['opencode.json', '{\n  "share": "nope"\n}', 'opencode.json:2:12 share: expected one of "manual"|"auto"|"disabled"'],
  ['.opencode/opencode.json', '{"model":null}', '.opencode/opencode.json:1:10 model: expected string, received null'],
  ['opencode.json', '{"agent":{"x":{"steps":0}}}', 'opencode.json:1:24 agent.x.steps: expected more than 0'],
  [
    'opencode.json',
    '{"mcp":{"m":{"type":"local","command":"x"}}}',
    'opencode.json:1:39 mcp.m.command: expected array, received string',
  ],
  [
    'opencode.json',
    '{"permission":{"bash":"maybe"}}',
    'opencode.json:1:23 permission.bash: expected one of "ask"|"allow"|"deny" or expected object, received string',
  ],
  ['opencode.json', '{"command":{"a":{}}}', 'opencode.json:1:1 command.a.template: is missing'],
  [
    'opencode.json',
    '{"plugin":[["a"]]}',
    'opencode.json:1:12 plugin.0: expected string, received array or expected 2 items or more',
  ],
  ['opencode.json', '{"nobodyKnows":1,"keybinds":5,"server":{"x":1},"command":{"a":{"template":"x","y":1}}}'],
  ['opencode.json', '{"username":"{file:./nope.txt}"}', 'opencode.json:1:22 it names nope.txt, which is not there'],
  ['opencode.jsonc', '{\n// {file:./nope.txt}\n}'],
  ['opencode.jsonc', '{"snapshot":{env:NOPE}true,"username":"{env:NOPE}"}'],
  [
    agent,
    markdown('description: ok', 'temperature: hot'),
    `${agent}:3:14 temperature: expected number, received string`,
  ],
  [agent, markdown('description: ok', 'tools: Read, Grep'), `${agent}:3:8 tools: expected object, received string`],
  [agent, markdown('description: 2024-01-01'), `${agent}:2:14 description: expected string, received Date`],
  [
    agent,
    markdown('description: see: below', 'mode: sub'),
    `${agent}:3:7 mode: expected one of "subagent"|"primary"|"all"`,
  ],
  [agent, markdown('description: see: below', 'mode: subagent')],
  [agent, 'no front matter'],
  [agent, '---\n---\n---\ntemperature: hot\n---\nbody'],
  [agent, markdown('- a', '- b')],
  ['.opencode/agent/a.txt', markdown('temperature: hot')],
  [command, markdown('description: d', 'model: null'), `${command}:3:8 model: expected string, received null`],
  [command, markdown('description: d', 'subtask: maybe'), `${command}:3:10 subtask: expected boolean, received string`],
  [command, markdown('description: d', 'template: 5', 'whatever: 1')],
]

/** opencode goes on without these: they are told of all the same when they are new. */
const PASSED_OVER: readonly (readonly [file: string, text: string, told: string])[] = [
  [agent, markdown('description: [oops', 'mode: subagent'), `${agent}:3:1 front matter is not YAML`],
  [agent, markdown('description: *nothing'), `${agent}:2:1 front matter is not YAML`],
  ['.opencode/mode/m.md', markdown('temperature: hot'), '.opencode/mode/m.md:2:14 temperature: expected number'],
  ['.opencode/skills/s/SKILL.md', markdown('description: d'), '.opencode/skills/s/SKILL.md:1:1 a skill needs a name'],
  ['.opencode/skills/s/SKILL.md', 'body', '.opencode/skills/s/SKILL.md:1:1 a skill needs a name'],
]

let opencode: RunningOpencode
let root: string
const configSchema = (): Promise<unknown> => clientOf(opencode).configSchema()

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-problems-')))
  await mkdir(join(root, 'home'))
  opencode = await startOpencode({ workspace: root, home: join(root, 'home') })
})

afterAll(async () => {
  await opencode?.stop()
  await rm(root, { recursive: true, force: true })
})

function clientOf({ url, authorization }: RunningOpencode) {
  const [username = '', password = ''] = atob(authorization.slice('Basic '.length)).split(':')
  return opencodeClient({ baseUrl: url, username: secret(username), password: secret(password) })
}

test('the schema built in is that of the opencode built for: npm run pin:config-schema writes it', async () => {
  const document = await fetch(`${opencode.url}/doc`, { headers: { authorization: opencode.authorization } })
  expect(CONFIG_SCHEMA).toEqual(configSchemaOf(openApi.parse(await document.json())))
})

for (const [index, [file, text, told]] of CASES.entries())
  test(`${told ? 'refused' : 'read'} by opencode and here alike: ${file} ${JSON.stringify(text)}`, async () => {
    const directory = join(root, `case-${index}`)
    await mkdir(join(directory, '.git'), { recursive: true })
    await mkdir(dirname(join(directory, file)), { recursive: true })
    await writeFile(join(directory, file), text)
    const answer = await fetch(`${opencode.url}/command?directory=${encodeURIComponent(directory)}`, {
      headers: { authorization: opencode.authorization },
    })
    await using on = await watching({ configSchema, files: { [file]: text } })

    expect(await on.problems()).toEqual(told ? [told] : [])
    expect(answer.status).toBe(told ? 400 : 200)
  })

test('a file that opencode would pass over is told while it is new, not when it always was so', async () => {
  for (const [file, text, told] of PASSED_OVER) {
    await using on = await watching({ configSchema })
    await on.put(file, text)
    expect((await on.problems()).join()).toStartWith(told)
    await on.accept()
    expect(await on.problems()).toEqual([])
  }
})

test('a broken file is told as long as it is broken, by every look', async () => {
  await using on = await watching({ configSchema, files: { 'opencode.json': '{' } })
  await on.put(command, markdown('description: d'))
  expect(await on.problems()).toHaveLength(1)
  await on.accept()
  expect(await on.problems()).toHaveLength(1)
  await on.put('opencode.json', '{}')
  expect(await on.problems()).toEqual([])
})

test('without a schema, or with one that cannot be used, only the syntax is checked', async () => {
  for (const schema of [undefined, { type: 'no such type' }, 'nonsense']) {
    await using on = await watching({ configSchema: async () => schema, files: { 'opencode.json': '{"share":5}' } })
    expect(await on.problems()).toEqual([])
    await on.put('opencode.json', '{"share":}')
    expect(await on.problems()).toEqual(['opencode.json:1:10 not JSON: a value is missing'])
  }
})

test('the schema is asked for until it comes, and only when there is something to check', async () => {
  let asked = 0
  const reluctant = async (): Promise<unknown> => {
    asked += 1
    if (asked === 1) throw new Error('still booting')
    return configSchema()
  }
  await using on = await watching({ configSchema: reluctant })
  expect(await on.problems()).toEqual([])
  expect(asked).toBe(0)
  await on.put('opencode.json', '{"share":5}')
  expect(await on.problems()).toEqual([])
  expect(await on.problems()).toHaveLength(1)
  expect(asked).toBe(2)
})

test('what is told never holds a value from the file', async () => {
  await using on = await watching({ configSchema })
  await on.put('opencode.json', '{"provider":{"x":{"options":"sk-secret-1"}},"share":"sk-secret-2"}')
  await on.put(agent, markdown('mode: sk-secret-3'))
  const told = (await on.problems()).join('\n')
  expect(told).toContain('share')
  expect(told).toContain('mode')
  expect(told).not.toContain('sk-secret')
})
