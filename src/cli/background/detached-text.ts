import type { HostService, HostSnapshot } from '../../api/host.ts'
import { daemonLayout, dataLayout } from '../../orchestrator/data-dir.ts'
import { followUp } from '../../orchestrator/follow-up.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'

type Around = {
  dataDir: string
  home: string
  /** `opencode attach` as it would be typed, without its credentials. */
  attach: string
}

/** What a person is told of a host that goes on in the background: where everything is, and how it is seen and ended. */
export function detachedText(snapshot: HostSnapshot, { dataDir, home, attach }: Around): string {
  const { runId, pid, workspace, serves, services, connection, logFile } = snapshot
  const layout = serves === 'listed' ? daemonLayout(dataDir) : dataLayout(dataDir, workspace)
  const { baseUrl, connectUrl, alternatives = [], opencodeUrl, attachCommand } = connection
  const command = (words: string): string => followUp(words, { runId, serves, dataDir, home })
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
    row('  connect', connectUrl),
    ...alternatives.map(url => row('  or', url)),
    row('opencode', opencodeUrl),
    ...(logFile === undefined ? [] : [row('Log', logFile)]),
    '',
    row('Client token', WITHHELD),
    row('Owner token', snapshot.health === 'starting' ? 'made when the host is ready' : WITHHELD),
    row('Host token', WITHHELD),
    row('opencode auth', WITHHELD),
    '',
    'Secrets are not shown here: `start --detach --json` prints them, and at any time',
    `  ${command('credentials')}`,
    'The client and host token are also kept, readable by you only, in',
    `  ${layout.credentials}`,
    '',
    "For opencode's own screen, with the secrets that `openwork attach` fills in:",
    `  ${attach}`,
    '',
    row('Pair a device', command('url --pair --qr')),
    row('Work in it', attachCommand),
    row('See it', command('dashboard')),
    row('', command('logs -f')),
    row('Stop it', command('stop')),
    '',
  ].join('\n')
}

const WITHHELD = 'set, withheld'

/** The host itself has a line already. */
const isChild = ({ name, pid }: HostService): boolean => name !== ORCHESTRATOR && pid !== undefined

const byName = (a: HostService, b: HostService): number => a.name.localeCompare(b.name)

const serviceText = ({ pid, state }: HostService): string => `pid ${pid}${state === 'ready' ? '' : `, ${state}`}`

const row = (label: string, value: string): string => `  ${label.padEnd(15)} ${value}`
