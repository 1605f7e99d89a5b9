import type { HostClient } from '../../api/host-client.ts'
import { hostClient } from '../../api/host-client.ts'
import type { LocalHost } from '../../orchestrator/local-hosts.ts'
import type { Context } from '../kit/context.ts'

/** A client of a host of this machine; its token is masked from now on. */
export function connectToHost(
  { control }: Pick<LocalHost, 'control'>,
  { redactor }: Pick<Context, 'redactor'>,
  timeoutMs: number,
): HostClient {
  redactor.add(control.token)
  return hostClient({ ...control, timeoutMs })
}
