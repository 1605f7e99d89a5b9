// npm run bench [-- --rounds <n>]: our performance budgets on this machine, for the executable in dist/bin.
//
// Each is held against a floor measured in the same run, in turns with it; a value is the median of at least 7 rounds.
// Prints a table, writes results.json beside this file, and exits 1 when a budget is not met.
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { newWorld } from '../../test/e2e/harness.ts'
import { measureCatalog } from './catalog.ts'
import { measureCommands } from './commands.ts'
import { measureDaemon } from './daemon.ts'
import { measureDashboard } from './dashboard.ts'
import { measureDownloads } from './downloads.ts'
import { measureFiles } from './files.ts'
import { measureHotReload } from './hot-reload.ts'
import { measureIdle } from './idle.ts'
import { measureLauncher } from './launcher.ts'
import { measureLife } from './life.ts'
import { figure, isWithin, type Measurement } from './measure.ts'
import { measureRequests } from './requests.ts'
import { renderTable } from './table.ts'

const LEAST_ROUNDS = 7

const { values } = parseArgs({ options: { rounds: { type: 'string', default: String(LEAST_ROUNDS) } } })
const rounds = Number(values.rounds)
if (!Number.isInteger(rounds) || rounds < LEAST_ROUNDS) throw new Error(`--rounds must be at least ${LEAST_ROUNDS}`)

const measurements = await measureAll()
const machine = {
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 1e9),
}
const versions = { openwork: VERSION, opencode: OPENCODE_VERSION, bun: Bun.version }
const results = measurements.map(each => ({ ...each, figure: figure(each), within: isWithin(each) }))
await writeFile(
  join(import.meta.dir, 'results.json'),
  `${JSON.stringify({ machine, versions, rounds, results }, null, 2)}\n`,
)

console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.platform}; medians of ${rounds} rounds\n`)
console.log(renderTable(measurements))
process.exit(measurements.every(isWithin) ? 0 : 1)

async function measureAll(): Promise<Measurement[]> {
  await using world = await newWorld()
  await using bare = await newWorld()
  const life = await measureLife(rounds, world, bare)
  const host = await world.serve()
  const commands = await measureCommands(rounds, world, host)
  const idle = await measureIdle(world, host)
  const requests = await measureRequests(rounds, host)
  await host.stop()
  const hotReload = await measureHotReload()
  const daemon = await measureDaemon()
  const dashboard = await measureDashboard()
  const files = await measureFiles(rounds, world)
  const catalog = await measureCatalog(rounds)
  const downloads = await measureDownloads(rounds)
  const launcher = await measureLauncher(rounds)
  return [
    ...commands,
    ...life,
    ...idle,
    ...requests,
    ...hotReload,
    ...daemon,
    ...dashboard,
    ...files,
    ...catalog,
    ...downloads,
    ...launcher,
  ]
}
