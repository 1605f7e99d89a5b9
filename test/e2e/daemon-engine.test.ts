// The one opencode that a daemon's folders share: what reaches all of them, and what only one.
import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HotReloadStatus } from '../../src/api/hot-reload.ts'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { answerOf, clientOf, newDaemonWorld, type Phone, pairPhone, statusOf } from './daemon.ts'
import { eventually, OPENCODE, testUnless, type World } from './harness.ts'

const LIMIT_MS = 120_000
const QUICK = { OPENWORK_OPENCODE_HOT_RELOAD_DEBOUNCE_MS: '300', OPENWORK_OPENCODE_HOT_RELOAD_COOLDOWN_MS: '100' }
/** For so long it is unsure whether an instance that was disposed of is in use again. */
const UNSURE_MS = 7_000
/** As far apart as a person's changes, beyond which no two are taken for one. */
const APART_MS = 2_500

const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
const writeCommand = (folder: string, name: string): void =>
  write(join(folder, '.opencode', 'commands', `${name}.md`), `---\ndescription: ${name}\n---\nDo it.\n`)

/** What arrives before the connection ends, in whatever way. */
async function textOf({ body }: Response): Promise<string> {
  let text = ''
  try {
    for await (const chunk of body ?? []) text += new TextDecoder().decode(chunk)
  } catch {
    text += '(cut off)'
  }
  return text
}

/** A folder of the daemon, with an instance. */
async function opened(world: World, phone: Phone, folder: string) {
  const { workspace } = await answerOf(world, ['workspace', 'add', folder])
  const client = await clientOf(world)
  const commands = async (): Promise<string[]> => {
    const answer = await phone.ask(`/w/${workspace.id}/opencode/command`)
    return answer.ok ? ((await answer.json()) as { name: string }[]).map(({ name }) => name) : []
  }
  await commands()
  /** Asking the daemon is no use of the folder. */
  const reload = async (): Promise<HotReloadStatus | undefined> =>
    (await client.workspace(workspace.id)).instance?.reload
  return {
    id: workspace.id,
    reload,
    isReloaded: (times: number) => eventually(`${times} reloads`, async () => (await reload())?.reloads === times),
    serves: (name: string) => eventually(`the command ${name}`, async () => (await commands()).includes(name)),
    waits: () => eventually('it waits', async () => (await reload())?.waitingFor?.sessions.length === 1),
  }
}

test(
  'a change reaches its own folder alone, as often as there is one, and waits for work that it would end',
  async () => {
    await using model = startModelProvider({ reply: 'one two three' })
    await using world = await newDaemonWorld(workspaceConfig(model.url), QUICK)
    const otherFolder = join(world.home, 'other')
    write(join(otherFolder, 'opencode.json'), JSON.stringify(workspaceConfig(model.url)))
    await answerOf(world, ['daemon', 'start'])
    const phone = await pairPhone(world)
    const one = await opened(world, phone, world.workspace)
    const other = await opened(world, phone, otherFolder)

    // Nobody uses it meanwhile: whether there is an instance is known from what we do ourselves.
    for (const [index, name] of ['first', 'second', 'third'].entries()) {
      writeCommand(world.workspace, name)
      await one.isReloaded(index + 1)
      await Bun.sleep(APART_MS)
    }
    const lastReloadMs = Date.now()
    expect((await other.reload())?.reloads).toBe(0)

    model.hold()
    const answer = phone.prompt(other.id, 'Count.')
    await model.turn(0)
    writeCommand(otherFolder, 'waits')
    await other.waits()
    await eventually('it is sure', () => Date.now() - lastReloadMs > UNSURE_MS)
    writeCommand(world.workspace, 'fourth')
    await one.isReloaded(4)
    for (const name of ['first', 'second', 'third', 'fourth']) await one.serves(name)
    // Of what all share: it waits for the other one's work, too.
    const pid = world.pidOf(OPENCODE)
    const personal = { command: { personal: { template: 'Do it.' } } }
    write(join(world.home, '.config', 'opencode', 'opencode.json'), JSON.stringify(personal))
    await one.waits()
    expect(world.pidOf(OPENCODE)).toBe(pid)
    model.release()
    expect(await answer).toContain('three')
    await other.serves('waits')
    await other.serves('personal')
    await one.serves('personal')
    expect(world.pidOf(OPENCODE)).not.toBe(pid)
  },
  LIMIT_MS,
)

testUnless(process.platform === 'linux' ? undefined : 'needs /proc')(
  'above its memory limit opencode is restarted at the same address once its work has ended, and clients are told',
  async () => {
    await using model = startModelProvider({ held: true, reply: 'one two three' })
    await using world = await newDaemonWorld(workspaceConfig(model.url), { OPENWORK_OPENCODE_MEMORY_LIMIT: '64MB' })
    await answerOf(world, ['daemon', 'start'])
    const phone = await pairPhone(world)
    const { id } = await opened(world, phone, world.workspace)
    const before = await statusOf(world)
    const told = textOf(await phone.ask(`/w/${id}/opencode/event`, { signal: AbortSignal.timeout(LIMIT_MS) }))
    const opencode = `/w/${id}/opencode`
    const post = (path: string, body: unknown) =>
      phone.ask(`${opencode}${path}`, { method: 'POST', body: JSON.stringify(body) })
    const session = (await (await post('/session', {})).json()) as { id: string }
    await post(`/session/${session.id}/prompt_async`, { parts: [{ type: 'text', text: 'Count.' }] })
    const turn = await model.turn(0)

    await eventually('its work is waited for', async () => (await statusOf(world)).engine.isDraining)
    expect(world.pidOf(OPENCODE)).toBe(before.engine.pid ?? 0)
    model.release()
    expect(await turn.ended).toBe('answered')
    expect(await told).toContain('server.instance.disposed')
    await eventually('another one', async () => {
      const { engine } = await statusOf(world)
      return engine.state === 'ready' && engine.pid !== before.engine.pid
    })
    expect((await statusOf(world)).opencode?.port).toBe(before.opencode?.port)
    expect(await (await phone.ask(`${opencode}/session/${session.id}/message`)).text()).toContain('one two three')
  },
  LIMIT_MS,
)
