import { isIP } from 'node:net'
import { OpenworkError } from '../shared/errors.ts'
import { isLoopbackHost } from '../shared/loopback.ts'
import type { Exchange } from './exchange.ts'

export type HostPolicy = {
  /** The address listened on. */
  bind: string
  /** Names this machine is also reached by: a reverse proxy's, a tunnel's. Without port. */
  allowedHosts: readonly string[]
  /** `os.hostname()`; accepted, alone and as `<name>.local`, when we listen beyond loopback. */
  machineName: string
  /** For whoever came by another name. */
  hint?: string
}

/** Enough for every name a host really has; the cache must not grow by what strangers send. */
const MAX_KNOWN = 64

/**
 * Answers only to names that are ours. Without this a web page could point its own domain at 127.0.0.1 (DNS rebinding)
 * and talk to us as same-origin. IP literals are accepted: no domain, no rebinding.
 *
 * Returns a check that throws `host_not_allowed`.
 */
export function hostCheck({
  bind,
  allowedHosts,
  machineName,
  hint = 'Add it to OPENWORK_ALLOWED_HOSTS, or use the IP address',
}: HostPolicy): (exchange: Exchange) => void {
  const names = new Set([bind, ...allowedHosts].map(name => hostName(name)))
  if (!isLoopbackHost(bind)) for (const name of [machineName, `${machineName}.local`]) names.add(name.toLowerCase())
  const known = new Set<string>()

  return exchange => {
    const header = exchange.header('host') ?? ''
    if (known.has(header)) return
    const name = hostName(header)
    if (!isLoopbackHost(name) && isIP(name) === 0 && !names.has(name))
      throw new OpenworkError('host_not_allowed', `This server does not answer to the host name "${name}"`, {
        hint,
      })
    if (known.size < MAX_KNOWN) known.add(header)
  }
}

/** The name in a Host header: without port and brackets, in lower case, without the root's dot. */
function hostName(header: string): string {
  const name = header.startsWith('[')
    ? header.slice(1, header.indexOf(']') === -1 ? undefined : header.indexOf(']'))
    : isIP(header) === 6
      ? header
      : header.replace(/:\d*$/, '')
  return name.toLowerCase().replace(/\.$/, '')
}
