import { describe, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import { findPort, isFree, requirePort } from '../../src/orchestrator/ports.ts'

/** A listener on a port of its own, closed with the test. */
async function occupied(host = '127.0.0.1') {
  const server: Server = createServer()
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}

describe('ports', () => {
  test('a busy preferred port gives way to a free one', async () => {
    await using busy = await occupied()

    const port = await findPort('127.0.0.1', { preferred: busy.port, flag: '--openwork-port' })

    expect(port).not.toBe(busy.port)
    expect(await isFree('127.0.0.1', port)).toBe(true)
  })

  test('any free port is none of those that the system itself gives to others, nor one that is ours already', async () => {
    const ports = await Promise.all(
      Array.from({ length: 50 }, () => findPort('127.0.0.1', { preferred: 25_000, except: 25_000, flag: '' })),
    )

    expect(ports.filter(port => port < 20_000 || port >= 32_768 || port === 25_000)).toEqual([])
  })

  test('a busy port that was asked for is an error naming it and the flag', async () => {
    await using busy = await occupied()

    const failure = await requirePort('127.0.0.1', busy.port, '--openwork-port').catch((error: unknown) => error)

    expect(failure).toMatchObject({ code: 'port_in_use', message: expect.stringContaining(String(busy.port)) })
    expect(failure).toMatchObject({ hint: expect.stringContaining('--openwork-port') })
  })

  test('a listener on loopback makes the port busy for all interfaces too', async () => {
    await using busy = await occupied('127.0.0.1')

    expect(await isFree('0.0.0.0', busy.port)).toBe(false)
  })

  test('an address that is not this machine’s is named', async () => {
    await expect(requirePort('192.0.2.1', 45_678, '--openwork-port')).rejects.toMatchObject({
      code: 'address_not_available',
    })
  })
})
