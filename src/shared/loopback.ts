import { BlockList, isIP } from 'node:net'

// IPv4 addresses in the dress of IPv6 (`::ffff:7f00:1`) are checked as what they are.
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

const UNSPECIFIED = new BlockList()
UNSPECIFIED.addSubnet('0.0.0.0', 8, 'ipv4')
UNSPECIFIED.addAddress('::', 'ipv6')

/** Whether a host name or address, without port and brackets, can only mean this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  const family = isIP(name)
  if (family !== 0) return LOOPBACK.check(name, family === 4 ? 'ipv4' : 'ipv6')
  return name === 'localhost' || name.endsWith('.localhost')
}

export const isLoopbackUrl = ({ hostname }: URL): boolean => isLoopbackHost(unbracketed(hostname))

/**
 * Whether a request to this URL ends at this machine by its address alone: a loopback one, or the one for "any address",
 * which is no address to name but connects to loopback.
 */
export function reachesThisMachine({ hostname }: URL): boolean {
  const host = unbracketed(hostname)
  const family = isIP(host)
  return isLoopbackHost(host) || (family !== 0 && UNSPECIFIED.check(host, family === 4 ? 'ipv4' : 'ipv6'))
}

const unbracketed = (hostname: string): string => hostname.replace(/^\[|\]$/g, '')

/**
 * `fetch` settings for a URL: a request to this machine must not go through the user's HTTP_PROXY, which Bun otherwise
 * applies to 127.0.0.1 too (Bun 1.4.5; the documented way is NO_PROXY, which is not ours to set).
 */
export function fetchRoute(url: string | URL): { proxy?: string } {
  // `false` is what switches the variable off; the types know only strings.
  return isLoopbackUrl(new URL(url)) ? { proxy: false as unknown as string } : {}
}
