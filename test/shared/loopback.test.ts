import { expect, test } from 'bun:test'
import { isLoopbackHost, isLoopbackUrl, reachesThisMachine } from '../../src/shared/loopback.ts'

test('only names and addresses of this machine are loopback', () => {
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    'localhost',
    'LOCALHOST',
    'app.localhost',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:0:0:1',
    'localhost.',
  ])
    expect([host, isLoopbackHost(host)]).toEqual([host, true])
  for (const host of [
    '',
    '0.0.0.0',
    '127.evil.example',
    'localhost.evil.example',
    'notlocalhost',
    '128.0.0.1',
    '::2',
    '::',
    '::ffff:8.8.8.8',
  ])
    expect([host, isLoopbackHost(host)]).toEqual([host, false])
})

test('an IPv4 address in the dress of IPv6, as URL writes it, is the same machine', () => {
  expect(new URL('http://[::ffff:127.0.0.1]/').hostname).toBe('[::ffff:7f00:1]')
  expect(isLoopbackUrl(new URL('http://[::ffff:127.0.0.1]/'))).toBe(true)
})

test('the address for any address reaches this machine, though it is none of loopback', () => {
  for (const host of ['0.0.0.0', '0', '[::]', '[::ffff:0.0.0.0]', '127.1', '[::ffff:127.0.0.1]', 'localhost'])
    expect([host, reachesThisMachine(new URL(`https://${host}/`))]).toEqual([host, true])
  for (const host of ['10.0.0.1', '[::2]', '[::ffff:10.0.0.1]', 'mirror.example'])
    expect([host, reachesThisMachine(new URL(`https://${host}/`))]).toEqual([host, false])
  expect(isLoopbackUrl(new URL('http://0.0.0.0/'))).toBe(false)
})
