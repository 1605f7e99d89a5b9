import { dataDirWords } from '../../orchestrator/follow-up.ts'
import { shellWord } from '../../shared/shell-word.ts'
import { ago } from '../ago.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { shortIds } from '../hosts/short-ids.ts'
import { type SurveyedHost, surveyHosts } from '../hosts/survey.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { renderTable } from '../text-table.ts'

export const ps = defineCommand({
  path: 'ps',
  summary: 'The hosts of this machine, the daemon included, and how they are',
  description:
    'One that was killed is listed as dead, with what it left behind, until `openwork stop` or the next start clears it ' +
    'away; from then on --all lists it as killed. One that lives and does not answer within a second is silent.',
  examples: [
    { command: 'openwork ps', does: 'see what runs' },
    { command: 'openwork ps --all', does: 'also hosts that have ended and whose log is kept' },
    { command: 'openwork ps --json', does: 'the same for scripts' },
  ],
  flags: {
    all: bool({ default: false, short: 'a', summary: 'Also hosts that have ended and whose log is kept' }),
    dataDir: dataDirFlag,
  },
  async run({ all, dataDir }, context) {
    const hosts = await surveyHosts(dataDir, context, { withEnded: all })
    context.output.result({ hosts }, () =>
      hosts.length === 0
        ? `No host is running with the data dir ${dataDir}`
        : hostsText(hosts, { nowMs: Date.now(), where: dataDirWords(dataDir, context.home) }),
    )
  },
})

const HEAD = ['ID', 'KIND', 'STATE', 'PID', 'STARTED', 'URL', 'FOLDER', '']

/** `where`: what tells commands the data dir. */
function hostsText(hosts: readonly SurveyedHost[], { nowMs, where }: { nowMs: number; where: string }): string {
  const ids = shortIds(hosts.map(({ runId }) => runId))
  const rows = hosts.map((host, index) => [
    ids[index] ?? host.runId,
    host.kind,
    host.state,
    host.pid === null || host.state === 'dead' ? '-' : String(host.pid),
    host.startedAt === null ? '-' : ago(host.startedAt, nowMs),
    host.connectUrl ?? '-',
    host.kind === 'daemon' ? '(many)' : (host.workspace ?? '-'),
    remarks(host, nowMs).join('; '),
  ])
  const dead = hosts.findIndex(({ state }) => state === 'dead')
  const clear =
    dead === -1 ? [] : ['', `\`openwork stop ${shellWord(ids[dead] ?? '')}${where}\` clears away what a dead one left`]
  return [renderTable(HEAD, rows), ...clear].join('\n')
}

function remarks({ isDetached, notReady, left, logFile, state, endedAt }: SurveyedHost, nowMs: number): string[] {
  return [
    ...(isDetached && state !== 'dead' ? ['detached'] : []),
    ...notReady.map(({ name, state, reason }) => `${name} is ${state}${reason === undefined ? '' : ` (${reason})`}`),
    ...(left.length > 0 ? [`left ${left.map(({ service, pid }) => `${service} (pid ${pid})`).join(', ')}`] : []),
    ...(endedAt === null ? [] : [`ended ${ago(endedAt, nowMs)}`]),
    ...((state === 'ended' || state === 'killed') && logFile !== null ? [`log: ${logFile}`] : []),
  ]
}
