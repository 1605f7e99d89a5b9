import { requireDaemon, tellOtherAddress } from '../daemon/daemon-connection.ts'
import { toleratedFlags } from '../daemon/daemon-flags.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const instanceRelease = defineCommand({
  path: 'instance release',
  summary: 'End a lease',
  args: { lease: { summary: 'Its id, from `openwork instance lease`' } },
  flags: toleratedFlags,
  async run({ lease, ...values }, context) {
    const daemon = await requireDaemon(values.dataDir, context) // leases do not outlive a daemon
    tellOtherAddress(daemon, values, context)
    await daemon.client.releaseLease(lease)
    showResult(context, { ok: true }, () => 'Released')
  },
})
