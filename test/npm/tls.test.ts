import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Certificates, makeCertificates, whyNoCertificates } from '../fixtures/certificates.ts'
import { good, type Mirror, redirect, startMirror } from '../fixtures/mirror.ts'
import { startTunnelProxy } from '../fixtures/tunnel-proxy.ts'
import { ASSET, newPackageFolder, PROGRAM, WITHOUT_NPM } from './package-folder.ts'

const BYTES = new TextEncoder().encode(PROGRAM)
const HOST = 'mirror.test'

const missing = whyNoCertificates()

describe.concurrent.skipIf(missing !== undefined)(`a first run over https${missing ? ` (${missing})` : ''}`, () => {
  let certificates: Certificates
  let mirror: Mirror

  beforeAll(async () => {
    certificates = await makeCertificates([`DNS:${HOST}`, 'IP:127.0.0.1'])
    mirror = await startMirror({ [ASSET]: good(BYTES) }, { tls: certificates.server })
  })

  afterAll(async () => {
    await mirror?.stop()
    await certificates?.[Symbol.asyncDispose]()
  })

  /** Trusts the test's authority, and asks for the mirror's file at this base URL. */
  const settings = (base: string): Record<string, string> => ({
    NODE_EXTRA_CA_CERTS: certificates.caFile,
    OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: base,
  })
  const port = (): number => Number(new URL(mirror.origin).port)

  test('goes through the proxy of HTTPS_PROXY with its credentials, by a tunnel', async () => {
    await using folder = await newPackageFolder()
    await using proxy = await startTunnelProxy({ [`${HOST}:443`]: port() }, { credentials: 'me:pass word' })

    const HTTPS_PROXY = proxy.url.replace('://', '://me:pass%20word@')
    const run = await folder.launch(['x'], { env: { ...settings(`https://${HOST}`), HTTPS_PROXY } })

    expect(run).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(proxy.tunnels.map(({ to }) => to)).toEqual([`${HOST}:443`])
  })

  test('names the proxy that refuses, without the password it was given', async () => {
    await using folder = await newPackageFolder()
    await using proxy = await startTunnelProxy({}, { credentials: 'me:right' })

    const HTTPS_PROXY = proxy.url.replace('://', '://me:wrong-word@')
    const { code, stderr } = await folder.launch(['x'], {
      env: { ...settings(`https://${HOST}`), HTTPS_PROXY, ...WITHOUT_NPM },
    })

    expect(code).toBe(1)
    expect(stderr).toContain(`the proxy ${new URL(proxy.url).host} answered HTTP 407`)
    expect(stderr).not.toContain('wrong-word')
  })

  test('goes past the proxy to this machine', async () => {
    await using folder = await newPackageFolder()
    await using proxy = await startTunnelProxy({})

    const run = await folder.launch(['x'], { env: { ...settings(mirror.origin), HTTPS_PROXY: proxy.url } })

    expect(run).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(proxy.tunnels).toEqual([])
  })

  test.each([HOST, '.test', 'other.example, *.test', '*'])('goes past the proxy for NO_PROXY=%s', async excluded => {
    await using folder = await newPackageFolder()
    await using proxy = await startTunnelProxy({ [`${HOST}:443`]: port() })

    const env = { ...settings(`https://${HOST}`), HTTPS_PROXY: proxy.url, NO_PROXY: excluded, ...WITHOUT_NPM }
    const { stderr } = await folder.launch(['x'], { env })

    expect(stderr).toMatch(/getaddrinfo (ENOTFOUND|EAI_AGAIN) mirror\.test/) // only the proxy knows that name
    expect(proxy.tunnels).toEqual([])
  })

  test('takes nothing from a server that nobody vouches for', async () => {
    await using folder = await newPackageFolder()

    const env = { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin, ...WITHOUT_NPM }
    const { code, stderr } = await folder.launch(['x'], { env })

    expect(code).toBe(1)
    expect(stderr).toContain(`${mirror.origin}${ASSET}: `)
    expect(stderr).toContain('certificate')
  })

  test('follows no redirect out of https, not even to this machine', async () => {
    await using folder = await newPackageFolder()
    await using plain = await startMirror({ [ASSET]: good(BYTES) })
    mirror.set(`/elsewhere${ASSET}`, redirect(plain.url(ASSET)))

    const { code, stderr } = await folder.launch(['x'], {
      env: { ...settings(`${mirror.origin}/elsewhere`), ...WITHOUT_NPM },
    })

    expect(code).toBe(1)
    expect(stderr).toContain(`redirects from https to ${plain.url(ASSET)}`)
    expect(plain.requests).toEqual([])
  })
})
