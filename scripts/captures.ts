// npm run captures: pictures of what a terminal shows, for the README, in docs/captures. Needs tmux and dist/bin.
//
// A host is started on a little folder of its own, with the real opencode and a model provider on loopback; what differs
// from run to run or belongs to this machine is replaced.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type ModelProvider, startModelProvider, workspaceConfig } from '../test/fixtures/model-provider.ts'
import { isolatedEnv } from '../test/fixtures/opencode.ts'
import { freePort } from '../test/supervisor/support.ts'
import { hasTmux, Tmux } from '../test/terminal/tmux.ts'
import { parseScreen } from './captures/screen.ts'
import { type Replacement, scrubber } from './captures/scrub.ts'
import { renderSvg } from './captures/svg.ts'

const ROOT = join(import.meta.dir, '..')
const OPENWORK = join(ROOT, 'dist', 'bin', 'openwork')
const OUT = join(ROOT, 'docs', 'captures')
/** Seen in the pictures, so it is the same every time. */
const DEMO = '/tmp/openwork-demo'
const WORKSPACE = join(DEMO, 'todo-app')
const SIZE = { columns: 120, rows: 30 }
const READY_MS = 60_000
const REQUEST_MS = 20_000
/** The first one is at work. */
const TITLES = ['Sort finished tasks to the end', 'Add tests for the parser', 'Explain the storage layer'] as const
const APPROVED = 'openwork.json'
const TOKEN = 'captures-client-token-0123456789abcdef'

if (!hasTmux) process.exit(1)
await mkdir(DEMO).catch(error => {
  throw new Error(`${DEMO} is there already: remove it, unless another run of this script is at work`, { cause: error })
})
try {
  await capture()
} finally {
  await rm(DEMO, { recursive: true, force: true, maxRetries: 10 }) // a host whose terminal is gone still writes
}

async function capture(): Promise<void> {
  await using model = startModelProvider({ reply: 'I have added the tests you asked for. All of them pass.' })
  const home = join(DEMO, 'home')
  for (const folder of [home, WORKSPACE]) await mkdir(folder)
  await writeFile(join(WORKSPACE, 'opencode.json'), JSON.stringify(workspaceConfig(model.url)))
  const ports = [await freePort(), await freePort()] as const
  const host = `http://127.0.0.1:${ports[0]}`
  const variables = { ...isolatedEnv(home), TERM: 'xterm-256color', OPENWORK_TOKEN: TOKEN }
  const argv = [OPENWORK, 'start', '--openwork-port', String(ports[0]), '--opencode-port', String(ports[1])]
  const environment = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  await using terminal = Tmux.start(['env', '-i', ...environment, ...argv], { ...SIZE, cwd: WORKSPACE })
  await terminal.shows('All green', READY_MS)
  const ended = new AbortController()
  await work(host, model, ended.signal)
  await terminal.shows(/Approvals \(2\).*Sessions \(3\)/)
  await terminal.shows(screen => !screen.includes('press a')) // the footer is below that note
  await terminal.shows(/up \d\ds/) // and there is some history
  await takeAll(terminal, scrubber(replacements(ports)))
  terminal.keys('q')
  await terminal.shows('Stop the host?')
  terminal.keys('y')
  await terminal.shows(() => terminal.value('pane_dead') === '1')
  ended.abort()
}

/** Each view by its key, once it shows what it is about. */
async function takeAll(terminal: Tmux, scrub: ReturnType<typeof scrubber>): Promise<void> {
  const take = async (name: string): Promise<void> => {
    const rows = scrub(parseScreen(terminal.styled()))
    await writeFile(
      join(OUT, `${name}.svg`),
      renderSvg(rows, { title: `openwork start: ${name}`, columns: SIZE.columns }),
    )
    console.log(`docs/captures/${name}.svg`)
  }
  await mkdir(OUT, { recursive: true })
  await take('overview')
  terminal.keys('l', '/')
  terminal.types('ready')
  terminal.keys('Enter', 'N')
  await terminal.shows(/\/ready \d+\/\d+/)
  await take('logs')
  terminal.keys('Escape')
  await terminal.shows(screen => !screen.includes('/ready')) // a key right behind Esc would count as one with Alt
  terminal.keys('a')
  await terminal.shows(APPROVED)
  await take('approvals')
  terminal.keys('v')
  await terminal.shows(TITLES[0])
  await take('sessions')
  terminal.keys('?')
  await terminal.shows('Everywhere')
  await take('help')
}

/** Sessions, one of them at work, and two changes that wait for a yes. */
async function work(host: string, model: ModelProvider, signal: AbortSignal): Promise<void> {
  const ask = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${host}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
    })
  const begin = async (title: string): Promise<string> => {
    const { id } = (await (await ask('POST', '/opencode/session', { title })).json()) as { id: string }
    return `/opencode/session/${id}`
  }
  const parts = [{ type: 'text', text: 'Go on.' }]
  for (const title of TITLES.slice(1)) await ask('POST', `${await begin(title)}/message`, { parts })
  model.hold()
  const busy = await begin(TITLES[0])
  await ask('POST', `${busy}/prompt_async`, { parts })
  const { items } = (await (await ask('GET', '/workspaces')).json()) as { items: { id: string }[] }
  for (const theme of ['dark', 'light'])
    ask('PATCH', `/workspace/${items[0]?.id}/config`, { openwork: { theme } }).catch(() => {}) // ends with the host
}

/** In URLs, and at the right of a column. */
function portReplacements(port: number, shown: string): Replacement[] {
  return [
    { find: `:${port}`, with: `:${shown}` },
    { find: String(port), with: shown.padStart(String(port).length) },
  ]
}

function replacements([openworkPort, opencodePort]: readonly [number, number]): Replacement[] {
  const pids = new Map<string, string>()
  const pid = (found: string): string => {
    const known = pids.get(found) ?? String(4021 + pids.size)
    pids.set(found, known)
    return known
  }
  return [
    { find: hostname(), with: 'demo' },
    ...portReplacements(openworkPort, '8787'),
    ...portReplacements(opencodePort, '4096'),
    { find: /ses_\w+/g, with: (found, index) => `ses_${index + 1}a1817cad2ffeHU4VTsft5DkR0z`.slice(0, found.length) },
    { find: /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, with: '6f1e9a52-0f3c-4a7b-9c55-2b8d1e40a6f3' },
    { find: /(?<=(?:attach|run) )[0-9a-f]{8}\b/g, with: '6f1e9a52' },
    { find: /(?<=pid=)\d+/g, with: pid },
    { find: /(?<= (?:ready|starting) +)\d+(?= )/g, with: found => pid(found).padStart(found.length) },
    { find: /\b\d\d:\d\d:\d\d\b/g, with: '12:00:01' },
    { find: /\b0:2\d\b/g, with: '0:25' },
    { find: /\b\ds(?= ago)/g, with: '5s' },
    { find: /(?<=durationMs=)\d+|\d+(?=ms\b)/g, with: '2' },
    { find: /\b\d\ds\b/g, with: '42s' },
  ]
}
