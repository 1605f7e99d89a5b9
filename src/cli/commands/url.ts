import { clockTime } from '../clock-time.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { hostArg } from '../hosts/find-host.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'

const ASK_LIMIT_MS = 10_000

export const url = defineCommand({
  path: 'url',
  summary: 'Where clients connect to a host',
  description:
    'Nothing but the URL is printed on stdout; the QR code and remarks go to stderr. It has no secret in it, except with ' +
    '--pair: then whoever opens it first is paired.',
  examples: [
    { command: 'openwork url', does: 'of the host that runs' },
    { command: 'openwork url --pair --qr', does: 'pair a phone by its camera' },
    { command: 'curl "$(openwork url)/health"', does: 'use it in a script' },
  ],
  args: { host: hostArg },
  flags: {
    qr: bool({ default: false, summary: 'Show it as a QR code as well' }),
    pair: bool({
      perCall: true,
      default: false,
      summary: 'With a code that pairs one device, once and for 10 minutes',
    }),
    dataDir: dataDirFlag,
  },
  async run({ host: word, qr, pair, dataDir }, context) {
    const { output } = context
    const host = await chooseHostMeant(word, dataDir, context)
    const { baseUrl, connectUrl, alternatives = [] } = host
    const pairing = pair ? await connectToHost(host, context, ASK_LIMIT_MS).openPairing() : undefined
    const shown = pairing?.url ?? connectUrl
    if (qr && !context.json) {
      const { renderUnicodeCompact } = await import('uqr')
      output.note(renderUnicodeCompact(shown))
    }
    if (pairing && !context.json) output.note(`Works once, until ${clockTime(pairing.expiresAt)}`)
    if (alternatives.length > 0 && !context.json) output.note(`Where nothing answers there: ${alternatives.join(', ')}`)
    output.result({ url: shown, baseUrl, connectUrl, alternatives, ...(pairing && { pairing }) }, shown)
  },
})
