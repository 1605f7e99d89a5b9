import type { HostService, HostSnapshot } from '../../api/host.ts'
import { daemonLayout, dataLayout } from '../../orchestrator/data-dir.ts'

/** What a person is told of a host that goes on in the background: where everything is, and how it is seen and ended. */
export function detachedText(snapshot: HostSnapshot, dataDir: string): string {
  const { runId, pid, workspace, serves, services, connection, logFile } = snapshot
  const layout = serves === 'listed' ? daemonLayout(dataDir) : dataLayout(dataDir, workspace)
  const { baseUrl, connectUrl, opencodeUrl } = connection
  const id = shortRunId(runId)
  return [
    '',
    'openwork is running in the background',
    '',
    row('Workspace', workspace),
    row('Run id', runId),
    row('Host', `pid ${pid}`),
    ...services
      .filter(isChild)
      .toSorted(byName)
      .map(service => row(service.name, serviceText(service))),
    row('OpenWork', baseUrl),
    row('  connect', `${connectUrl}  (pair a client: openwork pair)`),
    row('opencode', `${opencodeUrl}  (openwork attach ${id})`),
    ...(logFile === undefined ? [] : [row('Log', logFile)]),
    '',
    'Secrets are not shown here: the tokens and the opencode password are withheld,',
    '`--json` prints them. The client and host token are also kept, readable by you',
    `only, in ${layout.credentials}`,
    '',
    row('See it', `openwork ps; openwork logs -f ${id}; openwork dashboard ${id}`),
    row('Stop it', `openwork stop ${id}`),
    '',
  ].join('\n')
}

/** Enough to name it with. */
const shortRunId = (runId: string): string => (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(runId) ? runId.slice(0, 8) : runId)

/** The host itself has a line already. */
const isChild = ({ name, pid }: HostService): boolean => name !== 'openwork-orchestrator' && pid !== undefined

const byName = (a: HostService, b: HostService): number => a.name.localeCompare(b.name)

const serviceText = ({ pid, state }: HostService): string => `pid ${pid}${state === 'ready' ? '' : `, ${state}`}`

const row = (label: string, value: string): string => `  ${label.padEnd(15)} ${value}`
