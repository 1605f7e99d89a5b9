import { setTimeout as delay } from 'node:timers/promises'
import type { OpenworkClient } from '../../api/openwork-client.ts'
import { type OpenedPairing, type PairingInfo, pairingLink } from '../../api/pairings.ts'
import { SCOPES } from '../../api/tokens.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { isLoopbackHost } from '../../shared/loopback.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, enumeration, integer, text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { connect, hostFlags } from '../server-connection.ts'
import { type Interruptions, takeInterruptions } from '../signals.ts'

const MAX_TTL_SECONDS = 24 * 60 * 60
const ASK_EVERY_MS = 1_000
const TIMEOUT_MS = 10_000

export const pair = defineCommand({
  path: 'pair',
  summary: 'Show a code with which one device gets a token of its own',
  description:
    'The code works once and only for a while. Who scans it or types it in gets a token that `openwork tokens` lists ' +
    'and revokes.',
  examples: [
    { command: 'openwork pair', does: 'pair a phone with the host on this machine' },
    { command: 'openwork pair --scope viewer --label "wall display" --token-ttl 86400', does: 'look only, for a day' },
  ],
  flags: {
    ...hostFlags,
    scope: enumeration({ values: SCOPES, default: 'collaborator', summary: 'What the device may do' }),
    label: text({ perCall: true, summary: 'Name of the device; without it, it may name itself' }),
    ttl: integer({
      min: 1,
      max: MAX_TTL_SECONDS,
      default: 600,
      unit: 'seconds',
      summary: 'How long the code can be used',
    }),
    tokenTtl: integer({ min: 1, unit: 'seconds', summary: 'How long its token is valid; without it, until revoked' }),
    wait: bool({ summary: 'Stay until the code is used', defaultText: 'on in a terminal' }),
  },
  async run({ scope, label, ttl, tokenTtl, wait, ...values }, context) {
    const { output, stdout, json } = context
    const { client, connectUrl, isDaemon } = await connect(values, context, { as: 'host', timeoutMs: TIMEOUT_MS })
    const request = { scope, label, expiresInSeconds: ttl, tokenExpiresInSeconds: tokenTtl }
    const shownOf = (opened: OpenedPairing): Shown => ({
      ...opened,
      connectUrl,
      url: pairingLink(connectUrl, opened.code),
    })
    if (!(wait ?? (!json && stdout.isTTY === true))) {
      const shown = shownOf(await client.openPairing(request))
      output.result(shown, await renderPairing(shown, isDaemon))
      return
    }
    // From before the code exists: whoever leaves must not leave it behind.
    const interruptions = takeInterruptions()
    try {
      const shown = shownOf(await client.openPairing(request))
      // With --json the one document is the outcome, and the code has to be seen before it.
      const seen = json ? shown.url : `${await renderPairing(shown, isDaemon)}\n`
      output.note(`${seen}\nWaiting for the device (Ctrl+C cancels)`)
      const claimed = await waitForClaim(client, shown, interruptions)
      const who = onOneLine(claimed.label ?? 'a device without a name')
      output.result({ ...shown, ...claimed }, `Paired: ${who} (${claimed.scope}, token ${claimed.tokenId})`)
    } finally {
      interruptions.release()
    }
  },
})

const OPEN_HOST = 'start the host with --remote-access'
const OPEN_DAEMON = 'run `openwork daemon stop && openwork daemon start --remote-access`'

type Shown = OpenedPairing & { connectUrl: string; url: string }

async function renderPairing({ code, expiresAt, connectUrl, url }: Shown, isDaemon: boolean): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr')
  const isLocal = isLoopbackHost(new URL(connectUrl).hostname.replace(/^\[|\]$/g, ''))
  const until = new Date(expiresAt).toTimeString().slice(0, 5)
  return [
    renderUnicodeCompact(url),
    '',
    `Address  ${connectUrl}`,
    `Code     ${code}  (once, until ${until})`,
    `Link     ${url}`,
    ...(isLocal
      ? ['', `Only this machine reaches this address; for others ${isDaemon ? OPEN_DAEMON : OPEN_HOST}.`]
      : []),
  ].join('\n')
}

/** Until it is claimed. Throws `pairing_not_found` when it expired or was cancelled, `interrupted` after a signal. */
async function waitForClaim(
  client: OpenworkClient,
  { id }: Pick<OpenedPairing, 'id'>,
  { signal, exitCode }: Interruptions,
): Promise<PairingInfo> {
  const find = async (): Promise<PairingInfo | undefined> =>
    (await client.listPairings()).find(pairing => pairing.id === id)
  while (!signal.aborted) {
    const pairing = await find()
    if (pairing?.status === 'claimed') return pairing
    if (!pairing)
      throw new OpenworkError('pairing_not_found', 'The code was not used in time, or was cancelled', {
        hint: 'Make another one with `openwork pair`.',
      })
    await delay(ASK_EVERY_MS, undefined, { signal }).catch(() => {}) // a signal: the loop ends
  }
  const interrupted = new OpenworkError('interrupted', 'The code was cancelled', { exitCode: exitCode() })
  try {
    await client.cancelPairing(id)
  } catch (error) {
    if (!(error instanceof OpenworkError && error.code === 'pairing_not_found')) throw error
    const pairing = await find()
    if (pairing?.status === 'claimed') return pairing // a device was quicker: whoever leaves has to know of it
  }
  throw interrupted
}
