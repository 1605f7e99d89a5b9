import { requireDaemon } from '../daemon/daemon-connection.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const instanceRelease = defineCommand({
  path: 'instance release',
  summary: 'End a lease',
  args: { lease: { summary: 'Its id, from `openwork instance lease`' } },
  flags: { dataDir: dataDirFlag },
  async run({ lease, dataDir }, context) {
    const { client } = await requireDaemon(dataDir, context) // leases do not outlive a daemon
    await client.releaseLease(lease)
    showResult(context, { ok: true }, () => 'Released')
  },
})
