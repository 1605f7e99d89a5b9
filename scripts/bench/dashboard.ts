// What the dashboard costs in its terminal, beside the host: when nothing happens, and when 50,000 lines are logged at
// once. Linux only: /proc knows proportional memory. Needs tmux.
import { join } from 'node:path'
import { compileExecutable } from '../../build/executable.ts'
import { newMoodyWorld, OPENWORK } from '../../test/e2e/harness.ts'
import { freePort } from '../../test/supervisor/support.ts'
import { hasTmux, Tmux } from '../../test/terminal/tmux.ts'
import { cpuTicks, pssMb, TICKS_PER_S } from './idle.ts'
import { type Measurement, median, timed } from './measure.ts'

const SIZE = { columns: 120, rows: 40 }
const READY_MS = 60_000
const SETTLE_MS = 5_000
const WATCH_MS = 20_000
const LINES = 50_000
const BURSTS = 5
const KEYS = 8
/** A key that takes longer to show has been lost. */
const KEY_LIMIT_MS = 10_000

const CPU_BUDGET_PERCENT = 2
/** Against one line of text by ink. */
const MEMORY_BUDGET = 1.6
/** Of a key while lines are pouring in, the slowest one: what still feels like an answer. */
const KEY_BUDGET_MS = 400
/** Of the later bursts against the first, which fills the view. Kept, their lines would take twice as much together. */
const GROWTH_BUDGET = 1.3

export async function measureDashboard(): Promise<Measurement[]> {
  if (process.platform !== 'linux' || !hasTmux) return []
  await using world = await newMoodyWorld('bursts')
  const bareInk = join(world.home, 'bare-ink')
  await compileExecutable({ entry: join(import.meta.dir, 'programs', 'bare-ink.ts'), outfile: bareInk })
  await using bare = Tmux.start([bareInk], SIZE)
  const port = await freePort()
  const argv = [OPENWORK, 'start', '--openwork-port', '0', '--opencode-port', String(port)]
  const environment = Object.entries({ ...world.env, TERM: 'xterm-256color' }).map(
    ([name, value]) => `${name}=${value}`,
  )
  await using front = Tmux.start(['env', '-i', ...environment, ...argv], { ...SIZE, cwd: world.workspace })
  await front.shows('All green', READY_MS)
  await bare.shows('up 1 s')

  await Bun.sleep(SETTLE_MS)
  const [before, bareBefore] = [cpuTicks(pidOf(front)), cpuTicks(pidOf(bare))]
  await Bun.sleep(WATCH_MS)
  const cpu = percent(cpuTicks(pidOf(front)) - before)
  const bareCpu = percent(cpuTicks(pidOf(bare)) - bareBefore)
  const memory = { idle: pssMb(pidOf(front)), bare: pssMb(pidOf(bare)) }
  const { calm, busy, mb } = await measureBursts(front, port)
  front.keys('q')
  await front.shows('Stop the host?') // the fixture does not say what is at work
  front.keys('y')
  await front.shows(() => front.value('pane_dead') === '1', READY_MS)
  return [
    {
      name: `idle CPU of the dashboard, ${SIZE.columns} × ${SIZE.rows}`,
      unit: '% of a core',
      value: cpu,
      floor: { name: 'one line by ink', value: bareCpu },
      budget: { of: 'value', atMost: CPU_BUDGET_PERCENT },
    },
    {
      name: 'idle memory of the dashboard, proportional',
      unit: 'MB',
      value: memory.idle,
      floor: { name: 'one line by ink', value: memory.bare },
      budget: { of: 'ratio', atMost: MEMORY_BUDGET },
    },
    {
      name: `key → screen while ${LINES} lines are logged, the slowest of ${busy.length}`,
      unit: 'ms',
      value: Math.max(...busy),
      floor: { name: 'the median otherwise', value: median(calm) },
      budget: { of: 'value', atMost: KEY_BUDGET_MS },
    },
    {
      name: `memory of the dashboard after ${BURSTS} × ${LINES} lines (${mb.map(each => each.toFixed(0)).join(', ')})`,
      unit: 'MB',
      value: median(mb.slice(-3)),
      floor: { name: 'after the first', value: mb[0] ?? Number.NaN },
      budget: { of: 'ratio', atMost: GROWTH_BUDGET },
    },
  ]
}

const pidOf = (terminal: Tmux): number => Number(terminal.value('pane_pid'))

const percent = (ticks: number): number => (ticks / TICKS_PER_S / (WATCH_MS / 1_000)) * 100

/** Milliseconds of keys with and without lines pouring in, and megabytes after each burst. */
async function measureBursts(front: Tmux, port: number): Promise<{ calm: number[]; busy: number[]; mb: number[] }> {
  front.keys('l')
  await front.shows('level all')
  const calm: number[] = []
  const busy: number[] = []
  const mb: number[] = []
  for (let key = 0; key < KEYS; key += 1) calm.push(await keyMs(front, key))
  for (let burst = 1; burst <= BURSTS; burst += 1) {
    await fetch(`http://127.0.0.1:${port}/burst?lines=${LINES}`, { signal: AbortSignal.timeout(READY_MS) })
    for (let key = 0; key < KEYS; key += 1) busy.push(await keyMs(front, key))
    await front.shows(`burst line ${LINES} of ${LINES}`, READY_MS)
    await Bun.sleep(SETTLE_MS)
    mb.push(pssMb(pidOf(front)))
  }
  return { calm, busy, mb }
}

/** Wrapping on and off, which changes the row above the lines and leaves them as they are. */
const keyMs = (front: Tmux, key: number): Promise<number> =>
  timed(() => {
    const wanted = key % 2 ? 'wrap off' : 'wrap on'
    const endMs = performance.now() + KEY_LIMIT_MS
    front.keys('W')
    while (!front.screen().includes(wanted))
      if (performance.now() > endMs)
        throw new Error(`The dashboard never showed ${wanted}, but last:\n${front.screen()}`)
  })
