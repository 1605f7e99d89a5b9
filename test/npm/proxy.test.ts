import { describe, expect, test } from 'bun:test'
import { createRequire } from 'node:module'
import { PROXY_CASES, WRONG_PROXIES } from '../fixtures/proxy-cases.ts'

type Env = Record<string, string>

const { findProxy } = createRequire(import.meta.url)('../../npm/openwork-orchestrator/lib/proxy.cjs') as {
  findProxy(url: URL, env: Env): URL | undefined
}

describe('the proxy that the launcher goes through, as the product does', () => {
  test.each(PROXY_CASES)('%s with %j', (url, env, proxy) => {
    expect(findProxy(new URL(url), env)?.href).toBe(proxy as string)
  })

  test.each(WRONG_PROXIES)('cannot be %s', proxy => {
    expect(() => findProxy(new URL('https://host.test/'), { HTTPS_PROXY: proxy })).toThrow('HTTPS_PROXY names')
  })
})
