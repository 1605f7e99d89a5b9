import { expect, test } from 'bun:test'
import { isLoopbackHost } from '../../src/shared/loopback.ts'

test('only names and addresses of this machine are loopback', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST', 'app.localhost', '::ffff:127.0.0.1'])
    expect([host, isLoopbackHost(host)]).toEqual([host, true])
  for (const host of ['', '0.0.0.0', '127.evil.example', 'localhost.evil.example', 'notlocalhost', '128.0.0.1', '::2'])
    expect([host, isLoopbackHost(host)]).toEqual([host, false])
})
