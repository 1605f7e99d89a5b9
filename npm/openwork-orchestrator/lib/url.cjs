'use strict'

const MAX_REDIRECTS = 5
/** Without a byte, from the first of the connection on. */
const SILENCE_MS = 20_000

/**
 * Resolves to the body of a GET. HTTPS only, except on this machine; goes through the proxy that HTTPS_PROXY names unless
 * NO_PROXY excludes the host. (Node's fetch knows proxies from version 24 on only.)
 */
async function fromUrl(url, signal, redirectsLeft = MAX_REDIRECTS) {
  const target = parse(url)
  const response = await get(target, signal)
  const { statusCode, headers } = response
  if (statusCode === 200) return response
  response.destroy()
  if (![301, 302, 303, 307, 308].includes(statusCode) || !headers.location) throw new Error(`HTTP ${statusCode}`)
  if (redirectsLeft === 0) throw new Error(`redirects more than ${MAX_REDIRECTS} times`)
  const next = new URL(headers.location, target)
  if (target.protocol === 'https:' && next.protocol !== 'https:') {
    throw new Error(`redirects from https to ${withoutCredentials(next.href)}`)
  }
  return fromUrl(next.href, signal, redirectsLeft - 1)
}

function parse(url) {
  const parsed = new URL(url)
  if (parsed.protocol === 'https:' || (parsed.protocol === 'http:' && isLoopback(parsed.hostname))) return parsed
  throw new Error('is not an https URL')
}

const isLoopback = hostname => hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)

async function get(url, signal) {
  const client = url.protocol === 'https:' ? require('node:https') : require('node:http')
  const proxy = url.protocol === 'https:' ? findProxy(url) : undefined
  const socket = proxy && (await tunnel(proxy, url, signal))
  const options = {
    signal,
    headers: { 'user-agent': 'openwork-orchestrator' },
    ...(socket && { socket, agent: false }),
  }
  return new Promise((resolve, reject) => {
    let body
    const request = client.get(url, options, response => {
      body = response
      resolve(response)
    })
    request.on('error', reject)
    request.setTimeout(SILENCE_MS, () => (body ?? request).destroy(silence()))
  })
}

/** A connection to the host of `url` through a proxy. */
function tunnel(proxy, url, signal) {
  const client = proxy.protocol === 'https:' ? require('node:https') : require('node:http')
  const authority = `${url.hostname}:${url.port || 443}`
  const credentials = proxy.username
    ? {
        'proxy-authorization': `Basic ${Buffer.from(decodeURIComponent(`${proxy.username}:${proxy.password}`)).toString('base64')}`,
      }
    : {}
  return new Promise((resolve, reject) => {
    const request = client.request({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: authority,
      headers: { host: authority, ...credentials },
      signal,
    })
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the proxy ${proxy.host} answered HTTP ${statusCode}`))
    })
    request.on('error', error => reject(new Error(`the proxy ${proxy.host}: ${error.message}`)))
    request.setTimeout(SILENCE_MS, () => request.destroy(silence()))
    request.end()
  })
}

const silence = () => new Error(`no answer for ${SILENCE_MS / 1_000} s`)

function findProxy({ hostname }) {
  const { env } = process
  if (isLoopback(hostname)) return undefined
  const proxy = env.HTTPS_PROXY || env.https_proxy || env.ALL_PROXY || env.all_proxy
  const direct = (env.NO_PROXY || env.no_proxy || '').split(/[\s,]+/).filter(Boolean)
  const isDirect = direct.some(each => each === '*' || `.${hostname}`.endsWith(`.${each.replace(/^\*?\./, '')}`))
  return proxy && !isDirect ? new URL(proxy.includes('://') ? proxy : `http://${proxy}`) : undefined
}

/** For people to read: a URL may carry a password. */
function withoutCredentials(url) {
  return url.replace(/\/\/[^/@\s]*@/, '//')
}

module.exports = { fromUrl, withoutCredentials }
