'use strict'

const { createReadStream } = require('node:fs')
const { fileURLToPath } = require('node:url')
const { SourceFailure, explainNetworkError } = require('./failure.cjs')
const { findProxy, isLoopback } = require('./proxy.cjs')

const MAX_REDIRECTS = 5
const MAY_PASS = new Set([408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524])

/** Nothing limits the whole: a slow line may take its time, as long as bytes come. */
const LIMITS = {
  /** From the request to the head of the answer, name lookup, proxy and connecting included. */
  headersMs: 15_000,
  /** A body that brings less than this over `stallMs` counts as stalled. */
  stallBytesPerSecond: 1024,
  stallMs: 20_000,
}

/**
 * Asks for the bytes of a file of `size`, from the byte `from` on where the server can. Resolves to them and where they
 * begin, `from` or 0. HTTPS and files only, and plain http of this machine; through the proxy that HTTPS_PROXY names
 * unless NO_PROXY excludes the host (Node's fetch knows proxies from version 24 on only).
 */
async function fromUrl(url, { from, size, limits = LIMITS }) {
  const target = new URL(url)
  if (target.protocol === 'file:') return { bytes: createReadStream(fileURLToPath(target)), from: 0 }
  const response = await follow(target, from, limits)
  const { statusCode, headers } = response
  const total = statusCode === 206 ? totalBehind(from, headers['content-range']) : headers['content-length']
  const isUsable = statusCode === 200 || (statusCode === 206 && from > 0 && total === String(size))
  if (isUsable && total !== undefined && total !== String(size)) {
    response.destroy()
    throw new SourceFailure(`has ${total} bytes, expected ${size}`)
  }
  if (isUsable) return { bytes: steadily(response, limits), from: statusCode === 206 ? from : 0 }
  response.destroy()
  // A rest that is not ours, or 416: the server has something else, or cannot. From the start, then.
  if (from > 0 && (statusCode === 206 || statusCode === 416)) return fromUrl(url, { from: 0, size, limits })
  const seconds = Number(headers['retry-after']) || 0
  throw new SourceFailure(`HTTP ${statusCode}`, MAY_PASS.has(statusCode) ? 'often' : 'never', {
    retryAfterMs: seconds * 1_000,
  })
}

async function follow(url, from, limits, redirectsLeft = MAX_REDIRECTS) {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
    throw new SourceFailure('is not https, nor http on this machine')
  const response = await get(url, from, limits)
  const { statusCode, headers } = response
  if (![301, 302, 303, 307, 308].includes(statusCode) || !headers.location) return response
  response.destroy()
  if (redirectsLeft === 0) throw new SourceFailure(`redirects more than ${MAX_REDIRECTS} times`)
  const next = new URL(headers.location, url)
  if (url.protocol === 'https:' && next.protocol !== 'https:')
    throw new SourceFailure(`redirects from https to ${withoutCredentials(next.href)}`)
  return follow(next, from, limits, redirectsLeft - 1)
}

/** The size of the whole that a 206 gives the rest of; undefined when its rest does not begin where we ended. */
function totalBehind(from, range = '') {
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? []
  return Number(first) === from ? total : undefined
}

async function get(url, from, { headersMs }) {
  const proxy = findProxy(url, process.env)
  const tooLate = new AbortController()
  const timer = setTimeout(() => tooLate.abort(), headersMs)
  try {
    const socket = proxy && (await tunnel(proxy, url, tooLate.signal))
    return await ask(url, {
      signal: tooLate.signal,
      headers: {
        'user-agent': 'openwork-orchestrator',
        'accept-encoding': 'identity',
        ...(from > 0 && { range: `bytes=${from}-` }),
      },
      ...(socket && { socket, agent: false }),
    })
  } catch (error) {
    if (tooLate.signal.aborted) throw new SourceFailure(`no answer within ${headersMs / 1_000} s`, 'once')
    throw explainNetworkError(error)
  } finally {
    clearTimeout(timer)
  }
}

const ask = (url, options) =>
  new Promise((resolve, reject) => {
    const client = url.protocol === 'https:' ? require('node:https') : require('node:http')
    client.get(url, options, resolve).on('error', reject)
  })

/** A connection to the host of `url` through a proxy. */
function tunnel(proxy, url, signal) {
  const client = proxy.protocol === 'https:' ? require('node:https') : require('node:http')
  const authority = `${url.hostname}:${url.port || 443}`
  const credentials = `${decoded(proxy.username)}:${decoded(proxy.password)}`
  return new Promise((resolve, reject) => {
    const request = client.request({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: authority,
      headers: {
        host: authority,
        ...(proxy.username && { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
      },
      signal,
    })
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket)
      socket.destroy()
      const again = MAY_PASS.has(statusCode) ? 'often' : 'never'
      reject(new SourceFailure(`the proxy ${proxy.host} answered HTTP ${statusCode}`, again))
    })
    request.on('error', error => reject(explainNetworkError(error, `the proxy ${proxy.host}: `)))
    request.end()
  })
}

/** `URL` leaves a stray `%` as it is. */
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Looks per stall limit: the more, the sooner a stall is noticed after it is over. */
const LOOKS = 4

/** The bytes as they come, as long as enough of them do. */
async function* steadily(response, { stallBytesPerSecond, stallMs }) {
  let bytes = 0
  const looks = [0]
  const timer = setInterval(() => {
    looks.push(bytes)
    if (looks.length <= LOOKS) return
    const brought = bytes - looks.shift()
    if (brought * 1_000 >= stallBytesPerSecond * stallMs) return
    response.destroy(new SourceFailure(`stalled: only ${brought} bytes came in ${stallMs / 1_000} s`, 'often'))
  }, stallMs / LOOKS)
  try {
    for await (const chunk of response) {
      bytes += chunk.length
      yield chunk
    }
  } catch (error) {
    if (error.code !== 'ECONNRESET') throw explainNetworkError(error) // else it was cut, as whoever counts will notice
  } finally {
    clearInterval(timer)
  }
}

/** For people to read: a URL may carry a password. */
function withoutCredentials(url) {
  return url.replace(/\/\/[^/@\s]*@/, '//')
}

module.exports = { LIMITS, fromUrl, withoutCredentials }
