import type { HostSnapshot } from '../../api/host.ts'
import type { HostClient } from '../../api/host-client.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import { planAttach, printedCommand } from '../hosts/opencode-attach.ts'
import type { Context } from '../kit/context.ts'
import { detachedText } from './detached-text.ts'

export type DetachedSummary = { snapshot: HostSnapshot; text: string }

/** What there is to say of a host that is about to go on without us. Throws as `planAttach`. */
export async function summarizeDetached(
  host: LocalHost,
  client: HostClient,
  { dataDir, context }: { dataDir: string; context: Pick<Context, 'cwd' | 'home'> },
): Promise<DetachedSummary> {
  const snapshot = await client.snapshot()
  const attach = printedCommand(await planAttach(host, snapshot, { word: undefined, args: [] }, context))
  return { snapshot, text: detachedText(snapshot, { dataDir, home: context.home, attach }) }
}

/** What whoever starts it has not seen: it stands in the log of a host that is in the background. */
export function tellNotices({ notices = [] }: HostSnapshot, { output }: Pick<Context, 'output'>): void {
  for (const notice of notices) output.note(`Warning: ${notice}`)
}
