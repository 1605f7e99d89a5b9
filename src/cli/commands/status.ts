import type { HotReloadStatus } from '../../api/hot-reload.ts'
import { runsFolder } from '../../orchestrator/data-dir.ts'
import {
  type HostHealth,
  probeOpencode,
  probeRunningHosts,
  probeServer,
  type ServiceHealth,
} from '../../orchestrator/host-status.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { hotReloadLines } from '../hot-reload-text.ts'
import { defineCommand } from '../kit/define.ts'
import { secret, url } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'

export const status = defineCommand({
  path: 'status',
  summary: 'Whether a host is up and its parts answer',
  description:
    'Without URLs it asks every running host of this data dir, also whether opencode has what is on the disk. Exits 1 ' +
    'when anything is down.',
  examples: [
    { command: 'openwork status', does: 'the hosts on this machine' },
    { command: 'openwork status --openwork-url http://box:8787', does: 'one somewhere else' },
  ],
  flags: {
    openworkUrl: url({ env: 'OPENWORK_URL', summary: 'OpenWork server to ask' }),
    opencodeUrl: url({ env: 'OPENCODE_URL', summary: 'opencode to ask' }),
    opencodeUsername: secret({
      env: ['OPENWORK_OPENCODE_USERNAME', 'OPENCODE_SERVER_USERNAME'],
      summary: 'User name for --opencode-url',
    }),
    opencodePassword: secret({
      env: ['OPENWORK_OPENCODE_PASSWORD', 'OPENCODE_SERVER_PASSWORD'],
      summary: 'Password for --opencode-url',
    }),
    dataDir: dataDirFlag,
  },
  async run({ openworkUrl, opencodeUrl, opencodeUsername, opencodePassword, dataDir }, { output }) {
    if (openworkUrl === undefined && opencodeUrl === undefined) {
      const hosts = await probeRunningHosts(runsFolder(dataDir))
      if (hosts.length === 0)
        throw new OpenworkError('no_running_host', `No host is running with the data dir ${dataDir}`, {
          hint: 'Start one with `openwork start`, or name a server with --openwork-url.',
        })
      const [only] = hosts.length === 1 ? hosts : []
      const parts = only && { openwork: only.openwork, opencode: only.opencode, hotReload: only.hotReload }
      output.result({ ...parts, hosts }, () => hosts.map(hostText).join('\n\n'))
      return exitCode(hosts.flatMap(({ openwork, opencode }) => [openwork, opencode]))
    }
    const auth =
      opencodeUsername && opencodePassword ? { username: opencodeUsername, password: opencodePassword } : undefined
    const [openwork, opencode] = await Promise.all([
      openworkUrl === undefined ? undefined : probeServer(openworkUrl),
      opencodeUrl === undefined ? undefined : probeOpencode(opencodeUrl, auth),
    ])
    const services = Object.entries({ openwork, opencode }).filter(isAsked)
    output.result(Object.fromEntries(services), () => services.map(serviceText).join('\n'))
    return exitCode(services.map(([, health]) => health))
  },
})

const isAsked = (entry: [string, ServiceHealth | undefined]): entry is [string, ServiceHealth] => entry[1] !== undefined

const exitCode = (services: readonly ServiceHealth[]): number => (services.every(({ ok }) => ok) ? 0 : 1)

const hostText = ({ workspace, serves, pid, runId, openwork, opencode, hotReload = [] }: HostHealth): string =>
  [
    `${serves === 'listed' ? 'The daemon' : workspace}  (pid ${pid}, run ${runId})`,
    serviceText(['openwork', openwork]),
    serviceText(['opencode', opencode]),
    ...hotReload.flatMap(status => reloadLines(status, workspace)),
  ].join('\n')

/** What stands below the first line belongs to it. */
const reloadLines = (status: HotReloadStatus, workspace: string): string[] =>
  hotReloadLines(status, Date.now()).map((line, index) => {
    if (index > 0) return `            ${line}`
    return `  reload    ${status.directory === workspace ? '' : `${onOneLine(status.directory)}  `}${line}`
  })

function serviceText([name, { ok, url, health, error }]: [string, ServiceHealth]): string {
  const version = typeof health?.version === 'string' ? `  ${health.version}` : ''
  const line = `  ${name.padEnd(9)} ${ok ? 'ok  ' : 'down'}  ${url}${version}`
  return error ? `${line}\n            ${error}` : line
}
