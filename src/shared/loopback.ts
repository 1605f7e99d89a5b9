import { isIP } from 'node:net'

/** Whether a host name or address, without port and brackets, can only mean this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase()
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === '::1' || name === '::ffff:127.0.0.1' || name === 'localhost' || name.endsWith('.localhost')
}

export const isLoopbackUrl = ({ hostname }: URL): boolean => isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))

/**
 * `fetch` settings for a URL: a request to this machine must not go through the user's HTTP_PROXY, which Bun otherwise
 * applies to 127.0.0.1 too (Bun 1.4.5; the documented way is NO_PROXY, which is not ours to set).
 */
export function fetchRoute(url: string | URL): { proxy?: string } {
  // `false` is what switches the variable off; the types know only strings.
  return isLoopbackUrl(new URL(url)) ? { proxy: false as unknown as string } : {}
}
