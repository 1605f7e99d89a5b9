import type { DaemonOptions } from '../../daemon/daemon-options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { isLoopbackHost } from '../../shared/loopback.ts'
import { type Asked, parseServiceOptions } from '../flags/start-options.ts'
import type { DaemonValues } from './daemon-flags.ts'

/**
 * What was typed for a daemon, as options. Nothing is created or looked up.
 * @throws OpenworkError flags_conflict, invalid_value
 */
export const parseDaemonOptions = (values: DaemonValues, asked: Asked): DaemonOptions => ({
  services: parseServiceOptions(values, asked),
  workdir: values.opencodeWorkdir,
  listen: { host: parseListenHost(values.daemonHost), port: values.daemonPort === 0 ? undefined : values.daemonPort },
  idleTimeoutMs: values.idleTimeout,
  memoryLimitBytes: values.opencodeMemoryLimit,
  logFile: values.logFile,
})

/** Phones and browsers come in through openwork-server. Who has the daemon's token runs programs on this machine. */
function parseListenHost(given: string): string {
  const host = given.trim().toLowerCase()
  if (host === 'localhost') return '127.0.0.1'
  if (isLoopbackHost(host)) return host
  throw new OpenworkError('invalid_value', `--daemon-host must be a loopback address, got ${given}`, {
    hint: 'Other machines connect through openwork-server: pass --remote-access.',
  })
}
