// Requests: opencode asked through openwork-server against asked directly, and our own routes against an empty server.
import { join } from 'node:path'
import type { RunningHost } from '../../test/e2e/harness.ts'
import { inTurns, type Measurement, median, quantile, timed } from './measure.ts'

/** How long one sample of a throughput takes: long enough for the server's code to be compiled and its heap collected. */
const SAMPLE_MS = 500
const LATENCIES_PER_ROUND = 400
const CONNECTIONS = 8
const LIMIT_MS = 10_000

type Endpoint = { url: string; headers: Record<string, string> }

export async function measureRequests(rounds: number, host: RunningHost): Promise<Measurement[]> {
  const { openwork, opencode } = host.document
  const bearer = { authorization: `Bearer ${openwork.token}` }
  const basic = { authorization: `Basic ${btoa(`${opencode.username}:${opencode.password}`)}` }
  const at = (path: string) => ({
    direct: { url: `${opencode.baseUrl}${path}`, headers: basic },
    proxied: { url: `${openwork.baseUrl}/opencode${path}`, headers: bearer },
  })
  return [
    ...(await throughput(rounds, at('/session'))),
    ...(await addedLatency(rounds, at('/session'))),
    ...(await firstEvent(rounds, at('/event'))),
    ...(await ownRoutes(rounds, {
      health: { url: `${openwork.baseUrl}/health`, headers: {} },
      whoami: { url: `${openwork.baseUrl}/whoami`, headers: bearer },
    })),
  ]
}

type Both = { direct: Endpoint; proxied: Endpoint }

async function throughput(rounds: number, { direct, proxied }: Both): Promise<Measurement[]> {
  const samples = await inTurns(rounds, {
    direct: () => requestsPerSecond(direct),
    proxied: () => requestsPerSecond(proxied),
  })
  return [
    {
      name: `proxied JSON, ${CONNECTIONS} connections`,
      unit: 'requests/s',
      value: median(samples.proxied),
      floor: { name: 'opencode directly', value: median(samples.direct) },
      budget: { of: 'ratio', atLeast: 0.85 },
    },
  ]
}

async function addedLatency(rounds: number, { direct, proxied }: Both): Promise<Measurement[]> {
  const samples = await inTurns(rounds, { direct: () => latencies(direct), proxied: () => latencies(proxied) })
  const added = (share: number) =>
    median(samples.proxied.map(round => quantile(round, share))) -
    median(samples.direct.map(round => quantile(round, share)))
  const floor = { name: 'opencode directly, p50', value: median(samples.direct.map(median)) }
  return [
    { name: 'added by the proxy, p50', unit: 'ms', value: added(0.5), floor, budget: { of: 'value', atMost: 0.3 } },
    { name: 'added by the proxy, p99', unit: 'ms', value: added(0.99), floor },
  ]
}

async function firstEvent(rounds: number, { direct, proxied }: Both): Promise<Measurement[]> {
  const samples = await inTurns(rounds, { direct: () => firstByteMs(direct), proxied: () => firstByteMs(proxied) })
  return [
    {
      name: 'first byte of the event stream, added',
      unit: 'ms',
      value: median(samples.proxied) - median(samples.direct),
      floor: { name: 'opencode directly', value: median(samples.direct) },
      budget: { of: 'value', atMost: 5 },
    },
  ]
}

async function ownRoutes(rounds: number, routes: { health: Endpoint; whoami: Endpoint }): Promise<Measurement[]> {
  await using empty = Bun.spawn([process.execPath, join(import.meta.dir, 'programs', 'empty-hono.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const port = Number(new TextDecoder().decode((await empty.stdout.values().next()).value))
  const samples = await inTurns(rounds, {
    empty: () => requestsPerSecond({ url: `http://127.0.0.1:${port}/health`, headers: {} }),
    health: () => requestsPerSecond(routes.health),
    whoami: () => requestsPerSecond(routes.whoami),
  })
  const floor = { name: 'an empty hono server', value: median(samples.empty) }
  const measurement = (name: string, values: number[]): Measurement => ({
    name,
    unit: 'requests/s',
    value: median(values),
    floor,
    budget: { of: 'ratio', atLeast: 0.7 },
  })
  return [
    measurement('/health of openwork-server', samples.health),
    measurement('/whoami, an authenticated route', samples.whoami),
  ]
}

async function requestsPerSecond(endpoint: Endpoint): Promise<number> {
  const startedAt = performance.now()
  let answered = 0
  const connection = async () => {
    while (performance.now() - startedAt < SAMPLE_MS) {
      await ask(endpoint)
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection))
  return (answered / (performance.now() - startedAt)) * 1000
}

/** Of requests that follow each other on one connection. */
async function latencies(endpoint: Endpoint): Promise<number[]> {
  const samples: number[] = []
  for (let count = 0; count < LATENCIES_PER_ROUND; count += 1) samples.push(await timed(() => ask(endpoint)))
  return samples
}

async function ask({ url, headers }: Endpoint): Promise<void> {
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(LIMIT_MS) })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
}

async function firstByteMs({ url, headers }: Endpoint): Promise<number> {
  const hangUp = new AbortController()
  const signal = AbortSignal.any([hangUp.signal, AbortSignal.timeout(LIMIT_MS)])
  try {
    return await timed(async () => {
      const answer = await fetch(url, { headers, signal })
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
      await answer.body?.getReader().read()
    })
  } finally {
    hangUp.abort()
  }
}
