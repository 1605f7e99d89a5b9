import { BlockList, isIP } from 'node:net'
import { isLoopbackUrl } from '../../shared/loopback.ts'
import { TransferFailure } from './transfer-failure.ts'

/**
 * The proxy that the user's variables name for an https URL, credentials included; undefined for none. `HTTPS_PROXY`, else
 * `ALL_PROXY`, unless `NO_PROXY` names the host; lower-case names come first, as with curl. This machine is never proxied.
 *
 * @throws TransferFailure for a proxy of a kind that cannot be used
 */
export function findProxy(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  if (url.protocol !== 'https:' || isLoopbackUrl(url) || isExempt(url, read(env, 'no_proxy'))) return undefined
  const own = read(env, 'https_proxy')
  const value = own || read(env, 'all_proxy')
  if (!value) return undefined
  const proxy = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  if (proxy !== null && /^https?:$/.test(proxy.protocol)) return proxy
  if (!own) return undefined // ALL_PROXY is often a SOCKS proxy, meant for other programs
  throw new TransferFailure(`HTTPS_PROXY names ${proxy ? `a ${proxy.protocol.slice(0, -1)} proxy` : 'no valid URL'}`, {
    retry: 'never',
    hint: 'Set HTTPS_PROXY to a proxy that speaks http or https: http://host:port.',
  })
}

const read = (env: Readonly<Record<string, string | undefined>>, name: string): string =>
  (env[name] || env[name.toUpperCase()] || '').trim()

/**
 * `host`, `.host` and `*.host` stand for the host and all below it, with a port for that port alone, `10.0.0.0/8` for the
 * addresses of a network, `*` for all.
 */
function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port || '443'
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some(entry => {
      if (entry === '*' || entry === host) return true
      const [network = '', bits] = entry.split('/')
      if (bits !== undefined) return isInNetwork(host, network, Number(bits))
      const [, name = '', only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.replace(/^\*?\./, '')) ?? []
      return name !== '' && (only ?? port) === port && (host === name || host.endsWith(`.${name}`))
    })
}

function isInNetwork(host: string, network: string, bits: number): boolean {
  const version = isIP(network)
  if (version === 0 || isIP(host) !== version || !(bits >= 0 && bits <= (version === 4 ? 32 : 128))) return false
  const family = version === 4 ? 'ipv4' : 'ipv6'
  const addresses = new BlockList()
  addresses.addSubnet(network, bits, family)
  return addresses.check(host, family)
}
