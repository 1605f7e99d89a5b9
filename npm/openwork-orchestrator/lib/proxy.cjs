'use strict'

const { BlockList, isIP } = require('node:net')
const { SourceFailure } = require('./failure.cjs')

/**
 * The proxy that the user's variables name for an https URL, undefined for none: the rules of the product
 * (src/sidecars/fetch/proxy.ts), and the same tests. `HTTPS_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` names the host;
 * lower-case names come first, as with curl. This machine is never proxied.
 */
function findProxy(url, env) {
  if (url.protocol !== 'https:' || isLoopback(url) || isExempt(url, read(env, 'no_proxy'))) return undefined
  const own = read(env, 'https_proxy')
  const value = own || read(env, 'all_proxy')
  if (!value) return undefined
  const proxy = parse(/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`)
  if (proxy && /^https?:$/.test(proxy.protocol)) return proxy
  if (!own) return undefined // ALL_PROXY is often a SOCKS proxy, meant for other programs
  const what = proxy ? `a ${proxy.protocol.slice(0, -1)} proxy` : 'no valid URL'
  throw new SourceFailure(`HTTPS_PROXY names ${what}, and has to be http://host:port`)
}

const read = (env, name) => (env[name] || env[name.toUpperCase()] || '').trim()

function parse(url) {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}

const hostOf = ({ hostname }) => hostname.replace(/^\[|\]$/g, '')

/** Whether a URL can only mean this machine. */
function isLoopback(url) {
  const host = hostOf(url).toLowerCase()
  if (isIP(host) === 4) return host.startsWith('127.')
  return ['::1', '::ffff:127.0.0.1', 'localhost'].includes(host) || host.endsWith('.localhost')
}

/**
 * `host`, `.host` and `*.host` stand for the host and all below it, with a port for that port alone, `10.0.0.0/8` for the
 * addresses of a network, `*` for all.
 */
function isExempt(url, noProxy) {
  const host = hostOf(url)
  const port = url.port || '443'
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some(entry => {
      if (entry === '*' || entry === host) return true
      const [network, bits] = entry.split('/')
      if (bits !== undefined) return isInNetwork(host, network, Number(bits))
      const [, name = '', only = port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.replace(/^\*?\./, '')) ?? []
      return name !== '' && only === port && (host === name || host.endsWith(`.${name}`))
    })
}

function isInNetwork(host, network, bits) {
  const version = isIP(network)
  if (version === 0 || isIP(host) !== version || !(bits >= 0 && bits <= (version === 4 ? 32 : 128))) return false
  const family = `ipv${version}`
  const addresses = new BlockList()
  addresses.addSubnet(network, bits, family)
  return addresses.check(host, family)
}

module.exports = { findProxy, isLoopback }
