// From the change of a file until opencode serves it, by itself. What the user waits for beyond the debounce.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ControlClient, controlClient } from '../../src/api/control-client.ts'
import { parseHostInfo } from '../../src/orchestrator/host-info.ts'
import { listRuns } from '../../src/supervisor/run-record.ts'
import { newWorld, type RunningHost, type World } from '../../test/e2e/harness.ts'
import { type Measurement, median } from './measure.ts'

const ROUNDS = 20
const DEBOUNCE_MS = 200
const COOLDOWN_MS = 100
const BUDGET_MS = 300
const ASK_EVERY_MS = 10
const LIMIT_MS = 10_000

type Kind = {
  name: string
  /** Makes the change of a round; what it is named by then. */
  change(name: string): Promise<void>
  asked: 'command' | 'skill' | 'agent'
}

export async function measureHotReload(): Promise<Measurement[]> {
  await using world = await newWorld()
  const host = await world.serve([
    '--opencode-hot-reload-debounce-ms',
    String(DEBOUNCE_MS),
    '--opencode-hot-reload-cooldown-ms',
    String(COOLDOWN_MS),
  ])
  const control = await controlOf(world)
  const isCurrent = async (): Promise<boolean> => {
    const [status] = await control.reloadStatuses().catch(() => [])
    return status?.state === 'current'
  }
  // What is loaded only now is not in the figures, and neither is the first instance.
  await until('hot reload', isCurrent)
  await served(host, world, 'command', undefined)
  const measurements: Measurement[] = []
  for (const { name, change, asked } of kinds(world)) {
    const samples: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await until('the end of the last reload', isCurrent)
      await control.reload({}) // or so many changes, each right after a reload, would pass for a loop
      await Bun.sleep(COOLDOWN_MS)
      const added = `bench-${asked}-${name.replaceAll(' ', '-')}-${round}`
      const startedAt = performance.now()
      await change(added)
      await served(host, world, asked, added)
      samples.push(performance.now() - startedAt - DEBOUNCE_MS)
    }
    measurements.push({
      name: `${name} → served, beyond the debounce of ${DEBOUNCE_MS} ms`,
      unit: 'ms',
      value: median(samples),
      budget: { of: 'value', atMost: BUDGET_MS },
    })
  }
  await host.stop()
  return measurements
}

function kinds({ workspace }: World): Kind[] {
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  const place = (...parts: string[]): string => join(workspace, '.opencode', ...parts)
  return [
    {
      name: 'new command',
      asked: 'command',
      change: name => write(place('commands', `${name}.md`), '---\ndescription: Bench\n---\nDo it.\n'),
    },
    {
      name: 'new skill',
      asked: 'skill',
      change: name =>
        write(place('skills', name, 'SKILL.md'), `---\nname: ${name}\ndescription: Bench\n---\nKnow it.\n`),
    },
    {
      name: 'new agent',
      asked: 'agent',
      change: name => write(place('agents', `${name}.md`), '---\ndescription: Bench\nmode: subagent\n---\nBe it.\n'),
    },
    {
      name: 'edit of opencode.json',
      asked: 'command',
      change: name =>
        write(
          join(workspace, 'opencode.json'),
          JSON.stringify({ autoupdate: false, share: 'disabled', command: { [name]: { template: 'Do it.' } } }),
        ),
    },
  ]
}

/** Asks opencode itself until it has this; without a name, once. */
async function served({ document }: RunningHost, { workspace }: World, what: string, name: string | undefined) {
  const { baseUrl, username, password } = document.opencode
  const authorization = `Basic ${btoa(`${username}:${password}`)}`
  await until(`${what} ${name}`, async () => {
    const answer = await fetch(`${baseUrl}/${what}?directory=${encodeURIComponent(workspace)}`, {
      headers: { authorization },
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    const listed = (await answer.json()) as { name: string }[]
    return name === undefined || listed.some(each => each.name === name)
  })
}

async function controlOf({ dataDir }: World): Promise<ControlClient> {
  const [run] = await listRuns(join(dataDir, 'runs'))
  const control = parseHostInfo(run?.info)?.control
  if (!control) throw new Error('The host is not written down')
  return controlClient({ ...control, timeoutMs: LIMIT_MS })
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + LIMIT_MS
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`waited too long for: ${what}`)
    await Bun.sleep(ASK_EVERY_MS)
  }
}
