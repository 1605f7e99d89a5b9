import { describe, expect, test } from 'bun:test'
import { findProxy } from '../../../src/sidecars/fetch/proxy.ts'
import { PROXY_CASES, WRONG_PROXIES } from '../../fixtures/proxy-cases.ts'

describe('the proxy for a URL', () => {
  test.each(PROXY_CASES)('%s with %j', (url, env, proxy) => {
    expect(findProxy(new URL(url), env)?.href).toBe(proxy as string)
  })

  test.each(WRONG_PROXIES)('cannot be %s', proxy => {
    expect(() => findProxy(new URL('https://host.test/'), { HTTPS_PROXY: proxy })).toThrow('HTTPS_PROXY names')
  })
})
