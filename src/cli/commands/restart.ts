import type { HostService } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { hostArg } from '../hosts/find-host.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { onOneLine } from '../kit/one-line.ts'
import { askSelect, canAsk } from '../prompts/prompts.ts'

/** Its name among its services: it does not restart itself. */
const ORCHESTRATOR = 'openwork-orchestrator'
const ASK_LIMIT_MS = 10_000
/** After that it is told that it still restarts. */
const PATIENCE_MS = 1_000

export const restart = defineCommand({
  path: 'restart',
  summary: 'End one service of a host and start it again, at the same address',
  description: 'It returns when the service is ready again. A service that gave up is tried once more.',
  examples: [
    { command: 'openwork restart opencode', does: 'of the host that runs' },
    { command: 'openwork restart openwork-server daemon', does: 'of the daemon' },
  ],
  args: {
    service: {
      summary: 'Its name, such as opencode or openwork-server; in a terminal it may be chosen',
      optional: true,
    },
    host: hostArg,
  },
  flags: { dataDir: dataDirFlag },
  async run({ service: named, host: word, dataDir }, context) {
    const { output } = context
    if (named === undefined && !canAsk(context))
      throw new OpenworkError('missing_argument', '`openwork restart` needs <service>: opencode or openwork-server')
    const host = await chooseHostMeant(word, dataDir, context)
    const client = connectToHost(host, context, ASK_LIMIT_MS)
    const service = named ?? (await chooseService(client, context))
    const startedAtMs = performance.now()
    const patience = setTimeout(() => output.note(`Waiting for ${onOneLine(service)} to be ready again…`), PATIENCE_MS)
    try {
      const restarted = await client.restart(service)
      const tookMs = Math.round(performance.now() - startedAtMs)
      output.result({ ok: true, service: restarted, tookMs }, () => restartedText(restarted, tookMs))
    } finally {
      clearTimeout(patience)
    }
  },
})

async function chooseService(client: HostClient, context: Context): Promise<string> {
  const { services } = await client.snapshot()
  const choices = services
    .filter(({ name }) => name !== ORCHESTRATOR)
    .map(({ name, state }) => ({ value: name, label: name, hint: state }))
  return await askSelect('Which service?', choices, context)
}

const restartedText = ({ name, pid, version }: HostService, tookMs: number): string =>
  [
    `${name} is ready again`,
    ...(version === undefined ? [] : [`version ${onOneLine(version)}`]),
    ...(pid === undefined ? [] : [`process ${pid}`]),
    `after ${(tookMs / 1_000).toFixed(1)} s`,
  ].join(', ')
