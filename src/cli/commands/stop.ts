import { renderWork } from '../../hot-reload/reload-text.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import type { Ended } from '../hosts/ending-work.ts'
import { noHost } from '../hosts/find-host.ts'
import { findRun, type HostRun, listHostRuns, runText, severalRuns } from '../hosts/host-runs.ts'
import { awaitStop, beginStop, type StopWay } from '../hosts/stop-run.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'

export const stop = defineCommand({
  path: 'stop',
  summary: 'Stop a host, or clear away what a killed one left',
  description:
    'In a terminal it asks before it ends work of a session. Without one, as in a script and with --json, nobody can be ' +
    'asked: the host is stopped, and what was at work is told of as ended. A host that does not answer is told by a ' +
    'signal, and a dead one is cleared away with everything that it left running. It returns when nothing of the host is ' +
    'left.',
  examples: [
    { command: 'openwork stop', does: 'the only host that runs, or the one of this folder' },
    { command: 'openwork stop 3f2a9c1e', does: 'the one that `openwork ps` calls so' },
    { command: 'openwork stop --all --force', does: 'all of them, whatever is at work' },
  ],
  args: {
    hosts: {
      summary: 'Run ids or how they begin, process ids, folders, or `daemon`',
      optional: true,
      variadic: true,
    },
  },
  flags: {
    all: bool({
      perCall: true,
      default: false,
      short: 'a',
      summary: 'Every host of the data dir, the daemon and dead ones too',
    }),
    force: bool({
      perCall: true,
      default: false,
      summary: 'Stop it in a terminal too without asking, whatever is at work',
    }),
    dataDir: dataDirFlag,
  },
  async run({ hosts, all, force, dataDir }, context) {
    if (all && hosts.length > 0)
      throw new OpenworkError('flags_conflict', 'Name hosts, or pass --all', { hint: 'Leave one out.' })
    const runs = await runsMeant(hosts, all, dataDir, context)
    const stopped = await stopAll(runs, { force, dataDir }, context)
    context.output.result({ ok: true, stopped: stopped.map(documentOf) }, () => stopped.map(stoppedText).join('\n'))
  },
})

type Stopped = {
  run: HostRun
  way: StopWay
  ended: Ended | undefined
  killed: { service: string; pid: number }[]
}

async function runsMeant(
  words: readonly string[],
  all: boolean,
  dataDir: string,
  context: Context,
): Promise<HostRun[]> {
  const { cwd, home } = context
  const runs = await listHostRuns(dataDir)
  const place = { dataDir, cwd, home }
  if (words.length > 0) return [...new Set(await Promise.all(words.map(word => findRun(word, runs, place))))]
  if (runs.length === 0) throw noHost(`No host is running with the data dir ${dataDir}`)
  const living = runs.filter(({ alive }) => alive)
  if (all || living.length === 0) return runs
  return [living.length === 1 ? (living[0] as HostRun) : await runOfFolder(living, dataDir, context)]
}

async function runOfFolder(living: readonly HostRun[], dataDir: string, context: Context): Promise<HostRun> {
  try {
    const { runId } = await chooseHostMeant(undefined, dataDir, context)
    const found = living.find(run => run.runId === runId)
    if (found) return found
  } catch (error) {
    if (!(error instanceof OpenworkError && error.code === 'several_running_hosts')) throw error
  }
  throw severalRuns(living, 'Name the one you mean, or stop them with --all.')
}

/** Those that stopped are told of even when another one did not. */
async function stopAll(
  runs: readonly HostRun[],
  { force, dataDir }: { force: boolean; dataDir: string },
  context: Context,
): Promise<Stopped[]> {
  const stopping: Promise<Stopped>[] = []
  for (const run of runs) {
    // One after the other: a person may be asked about each.
    const begun = beginStop(run, { force }, context)
    stopping.push(
      begun.then(async ({ way, ended }) => ({ run, way, ended, killed: await awaitStop(run, dataDir, context) })),
    )
    if (await begun.then(() => false, isInterrupted)) break
  }
  const outcomes = await Promise.allSettled(stopping)
  const stopped = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (!failed) return stopped
  for (const one of stopped) context.output.note(stoppedText(one))
  throw failed.reason
}

const isInterrupted = (error: unknown): boolean => error instanceof OpenworkError && error.code === 'interrupted'

const documentOf = ({ run, way, ended, killed }: Stopped) => ({
  runId: run.runId,
  pid: run.owner.pid,
  workspace: run.info?.workspace ?? null,
  way,
  ...(ended && { ended: 'work' in ended ? ended.work : ended.unknown }),
  killed,
})

function stoppedText({ run, way, ended, killed }: Stopped): string {
  const processes = killed.map(({ service, pid }) => `${service} (pid ${pid})`).join(', ')
  const left = processes === '' ? '' : `, and ended what it left: ${processes}`
  if (way === 'cleared') return `Cleared away the record of ${runText(run)}, which was killed${left}`
  const how = way === 'signalled' ? ' by a signal: it did not answer' : ''
  const stopped = `Stopped ${runText(run)}${how}${left}`
  if (!ended) return stopped
  return `${stopped}\n${'work' in ended ? `Ended ${renderWork(ended.work)}` : 'opencode did not say what was at work'}`
}
