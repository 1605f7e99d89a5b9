import type { HostService } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import { detailsOf } from '../answered-failure.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { endedOf, wouldEnd } from '../hosts/ending-work.ts'
import { hostArg } from '../hosts/find-host.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { nearest } from '../kit/nearest.ts'
import { onOneLine } from '../kit/one-line.ts'
import { askConfirm, askSelect, canAsk } from '../prompts/prompts.ts'

/** Its name among its services: it does not restart itself. */
const ASK_LIMIT_MS = 10_000
/** After that it is told that it still restarts. */
const PATIENCE_MS = 1_000

export const restart = defineCommand({
  path: 'restart',
  summary: 'End one service of a host and start it again, at the same address',
  description:
    'It returns when the service is ready again. One that waits to be tried again is started at once. Work of a session ' +
    'ends with opencode: in a terminal it asks first, elsewhere it refuses. With openwork-server none ends: sessions go ' +
    'on, and clients connect again.',
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
  flags: {
    force: bool({ perCall: true, default: false, summary: 'Do not ask, whatever is at work' }),
    dataDir: dataDirFlag,
  },
  async run({ service: named, host: word, force, dataDir }, context) {
    const { output } = context
    if (named === undefined && !canAsk(context))
      throw new OpenworkError('missing_argument', '`openwork restart` needs <service>: opencode or openwork-server')
    const host = await chooseHostMeant(word, dataDir, context)
    const client = connectToHost(host, context, ASK_LIMIT_MS)
    const service = named ?? (await chooseService(client, context))
    const { restarted, tookMs } = await restartService(client, service, force, context)
    output.result({ ok: true, service: restarted, tookMs }, () => restartedText(restarted, tookMs))
  },
})

type Restarted = { restarted: HostService; tookMs: number }

/** @throws OpenworkError workspace_busy when work would end, and nobody is there to agree to that or somebody does not */
async function restartService(
  client: HostClient,
  service: string,
  force: boolean,
  context: Context,
): Promise<Restarted> {
  try {
    return await patiently(client, service, force, context)
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    if (error.code === 'service_not_found') throw withGuess(error, service)
    if (error.code !== 'workspace_busy') throw error
    const what = await wouldEnd(await endedOf(error), client)
    if (
      canAsk(context) &&
      (await askConfirm(`${onOneLine(what)}. Restart ${onOneLine(service)}?`, context, { enter: false }))
    )
      return await patiently(client, service, true, context)
    throw new OpenworkError('workspace_busy', `${service} was not restarted: ${what}`, {
      hint: 'Wait for that to end, or restart it all the same with --force.',
      details: detailsOf(error),
      cause: error,
    })
  }
}

async function patiently(client: HostClient, service: string, force: boolean, { output }: Context): Promise<Restarted> {
  const startedAtMs = performance.now()
  const patience = setTimeout(() => output.note(`Waiting for ${onOneLine(service)} to be ready again…`), PATIENCE_MS)
  try {
    const restarted = await client.restart(service, { force })
    return { restarted, tookMs: Math.round(performance.now() - startedAtMs) }
  } finally {
    clearTimeout(patience)
  }
}

function withGuess(error: OpenworkError, typed: string): OpenworkError {
  const details = detailsOf(error)
  const services = details && 'services' in details && Array.isArray(details.services) ? details.services : []
  const guess = nearest(typed, services.map(String))
  if (guess === undefined) return error
  return new OpenworkError('service_not_found', error.message, {
    hint: `Did you mean ${guess}?`,
    details,
    cause: error,
  })
}

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
