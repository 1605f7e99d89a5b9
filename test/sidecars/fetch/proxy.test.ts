import { describe, expect, test } from 'bun:test'
import { findProxy } from '../../../src/sidecars/fetch/proxy.ts'

const PROXY = 'http://proxy.test:3128'
const find = (url: string, env: Record<string, string>): string | undefined => findProxy(new URL(url), env)?.href

describe('the proxy for a URL', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['https://host.test/', { HTTPS_PROXY: PROXY }, `${PROXY}/`],
    ['https://host.test/', { https_proxy: PROXY, HTTPS_PROXY: 'http://other.test' }, `${PROXY}/`],
    ['https://host.test/', { HTTPS_PROXY: 'proxy.test:3128' }, `${PROXY}/`],
    ['https://host.test/', { HTTPS_PROXY: 'user:word@proxy.test:3128' }, 'http://user:word@proxy.test:3128/'],
    ['https://host.test/', { ALL_PROXY: PROXY }, `${PROXY}/`],
    ['https://host.test/', { ALL_PROXY: 'socks5://proxy.test' }, undefined],
    ['https://host.test/', { HTTP_PROXY: PROXY }, undefined],
    ['https://host.test/', { HTTPS_PROXY: ' ' }, undefined],
    ['https://127.0.0.1/', { HTTPS_PROXY: PROXY }, undefined],
    ['https://[::1]:8443/', { HTTPS_PROXY: PROXY }, undefined],
    ['https://localhost/', { HTTPS_PROXY: PROXY }, undefined],
    ['http://localhost/', { HTTP_PROXY: PROXY, ALL_PROXY: PROXY }, undefined],
  ])('%s with %j', (url, env, proxy) => {
    expect(find(url, env)).toBe(proxy as string)
  })

  test.each([
    ['host.test', true],
    ['.host.test', true],
    ['*.test', true],
    ['test', true],
    ['*', true],
    ['a.test,  b.test host.test', true],
    ['HOST.test:8443', true],
    ['host.test:443', false],
    ['ost.test', false],
    ['sub.host.test', false],
    ['host.test.other', false],
    [',', false],
  ])('NO_PROXY=%s exempts https://host.test:8443: %p', (no, exempt) => {
    expect(find('https://host.test:8443/', { HTTPS_PROXY: PROXY, NO_PROXY: no }) === undefined).toBe(exempt)
  })

  test.each([
    ['https://10.1.2.3/', '10.0.0.0/8', true],
    ['https://10.1.2.3/', '10.1.2.3', true],
    ['https://11.1.2.3/', '10.0.0.0/8', false],
    ['https://10.1.2.3/', '10.0.0.0/99, x/8, /8', false],
    ['https://host.test/', '0.0.0.0/0', false],
    ['https://[2001:db8::1]/', '2001:db8::/32', true],
    ['https://[2001:db8::1]:8443/', '2001:db8::1', true],
    ['https://[2001:db8::1]:8443/', '[2001:db8::1]:8443', true],
    ['https://[2001:db8::1]/', '10.0.0.0/8,2001:db9::/32', false],
  ])('%s is an address that NO_PROXY=%s exempts: %p', (url, no, exempt) => {
    expect(find(url, { HTTPS_PROXY: PROXY, NO_PROXY: no }) === undefined).toBe(exempt)
  })

  test.each(['socks5://proxy.test', 'http://[', 'ftp://proxy.test'])('cannot be %s', proxy => {
    expect(() => find('https://host.test/', { HTTPS_PROXY: proxy })).toThrow('HTTPS_PROXY names')
  })
})
