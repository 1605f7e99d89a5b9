import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { testUnless } from '../../e2e/harness.ts'
import { makeCertificates, whyNoCertificates } from '../../fixtures/certificates.ts'
import { good, redirect, startMirror, status } from '../../fixtures/mirror.ts'
import { startTunnelProxy } from '../../fixtures/tunnel-proxy.ts'
import { failure } from '../kit.ts'
import { CONTENT, downloadBox, downloadElsewhere, QUICK, SHA256 } from './kit.ts'

const withUser = (url: string, user = 'user:pa55word'): string => url.replace('//', `//${user}@`)
const BASIC = `Basic ${btoa('user:pa55word')}`

describe('plain http', () => {
  test('is spoken with this machine alone', async () => {
    await using box = await downloadBox()
    const error = await failure(box.download([withUser('http://mirror.invalid/file')]))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toContain('http://mirror.invalid/file: http:// is allowed for this machine alone')
    expect(error.hint).toContain('Use https.')
  })

  test('elsewhere is not where a redirect leads', async () => {
    await using mirror = await startMirror({ '/file': redirect('http://mirror.invalid/file?signature=s3cret') })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/file')]))
    expect(error.message).toContain('redirected to http://mirror.invalid/file?…: http:// is allowed')
  })
})

describe('redirects', () => {
  test('are followed five times', async () => {
    const hops = Object.fromEntries(
      [1, 2, 3, 4, 5].map(hop => [`/${hop}`, redirect(`/${hop + 1}`, 300 + (hop % 2) + 1)]),
    )
    await using mirror = await startMirror({ ...hops, '/6': good(CONTENT) })
    await using box = await downloadBox()
    expect(await box.download([mirror.url('/1')])).toMatchObject({ url: mirror.url('/1'), sha256: SHA256 })
    expect(mirror.requests).toHaveLength(6)
  })

  test('keep credentials on their host', async () => {
    await using other = await startMirror({ '/file': good(CONTENT) })
    await using mirror = await startMirror({ '/a': redirect('/b'), '/b': redirect(other.url('/file')) })
    await using box = await downloadBox()
    await box.download([withUser(mirror.url('/a'))])
    expect(mirror.requests.map(({ headers }) => headers.authorization)).toEqual([BASIC, BASIC])
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  test('that lead to a server with trouble are named', async () => {
    await using other = await startMirror()
    await using mirror = await startMirror({ '/a': redirect(other.url('/gone?signature=s3cret')) })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/a')]))
    expect(error.message).toContain(`${mirror.url('/a')}: redirected to ${other.url('/gone')}?…: HTTP 404`)
  })

  test('may bring credentials of their own', async () => {
    await using other = await startMirror({ '/file': good(CONTENT) })
    await using mirror = await startMirror({ '/a': redirect(withUser(other.url('/file'))) })
    await using box = await downloadBox()
    await box.download([withUser(mirror.url('/a'), 'someone:else')])
    expect(other.requests[0]?.headers.authorization).toBe(BASIC)
  })
})

test('credentials may hold any character', async () => {
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  await box.download([withUser(mirror.url('/file'), 'us%40er:100%25%3A%')])
  expect(mirror.requests[0]?.headers.authorization).toBe(`Basic ${btoa('us@er:100%25%3A%')}`)
})

test('a server that refuses the credentials tells how to give others', async () => {
  await using mirror = await startMirror({ '/file': status(401) })
  await using box = await downloadBox()
  expect((await failure(box.download([mirror.url('/file')]))).hint).toContain('https://user:password@host/')
})

const withCertificates = testUnless(whyNoCertificates())

describe('a server with a certificate of an authority that is not known', () => {
  withCertificates('is not trusted, and the failure says what to set', async () => {
    await using certificates = await makeCertificates(['IP:127.0.0.1'])
    await using mirror = await startMirror({ '/file': good(CONTENT) }, { tls: certificates.server })
    await using box = await downloadBox()
    const request = { ...box.request, urls: [mirror.url('/file')] }
    const { code, message, hint } = await downloadElsewhere({ request }).outcome()
    expect(code).toBe('sidecar_download_failed')
    expect(message).toMatch(/: its certificate is not trusted \(\w+\)$/)
    expect(hint).toContain('NODE_EXTRA_CA_CERTS')
    expect(mirror.requests).toHaveLength(0)
  })

  for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])
    withCertificates(`is trusted when ${variable} names the authority`, async () => {
      await using certificates = await makeCertificates(['IP:127.0.0.1'])
      await using mirror = await startMirror({ '/file': good(CONTENT) }, { tls: certificates.server })
      await using box = await downloadBox()
      const request = { ...box.request, urls: [mirror.url('/file')] }
      const outcome = await downloadElsewhere({ request }, { [variable]: certificates.caFile }).outcome()
      expect(outcome).toMatchObject({ url: mirror.url('/file'), sha256: SHA256 })
    })

  withCertificates('is not trusted under a name that is not in it', async () => {
    await using certificates = await makeCertificates(['DNS:mirror.test'])
    await using mirror = await startMirror({ '/file': good(CONTENT) }, { tls: certificates.server })
    await using box = await downloadBox()
    const request = { ...box.request, urls: [mirror.url('/file')] }
    const variables = { NODE_EXTRA_CA_CERTS: certificates.caFile }
    const { message } = await downloadElsewhere({ request }, variables).outcome()
    expect(message).toContain('its certificate is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)')
  })
})

describe('a server that is spoken to by https', () => {
  withCertificates('does not lead to plain http, not even of this machine', async () => {
    await using certificates = await makeCertificates(['IP:127.0.0.1'])
    await using internal = await startMirror({ '/internal': good(CONTENT) })
    await using mirror = await startMirror(
      { '/file': redirect(internal.url('/internal')) },
      { tls: certificates.server },
    )
    await using box = await downloadBox()
    const request = { ...box.request, urls: [mirror.url('/file')] }
    const variables = { NODE_EXTRA_CA_CERTS: certificates.caFile }
    const { message } = await downloadElsewhere({ request }, variables).outcome()
    expect(message).toEndWith(`redirected to ${internal.url('/internal')}: that is not https any more`)
    expect(internal.requests).toHaveLength(0)
  })

  for (const host of ['127.0.0.1', '0.0.0.0', '[::ffff:7f00:1]'])
    withCertificates(`does not lead to this machine from elsewhere, called ${host}`, async () => {
      await using certificates = await makeCertificates(['DNS:mirror.test', 'IP:127.0.0.1'])
      await using internal = await startMirror({ '/internal': good(CONTENT) }, { tls: certificates.server })
      const there = internal.url('/internal').replace('127.0.0.1', host)
      await using mirror = await startMirror({ '/file': redirect(there) }, { tls: certificates.server })
      await using proxy = await startTunnelProxy({ 'mirror.test:443': Number(new URL(mirror.origin).port) })
      await using box = await downloadBox()
      const request = { ...box.request, urls: ['https://mirror.test/file'] }
      const variables = { NODE_EXTRA_CA_CERTS: certificates.caFile, HTTPS_PROXY: proxy.url }
      const { message } = await downloadElsewhere({ request }, variables).outcome()
      expect(message).toContain(`redirected to ${there}: that is this machine`)
      expect(mirror.requests).toHaveLength(1)
      expect(internal.requests).toHaveLength(0)
    })
})

describe('through a proxy', () => {
  /** A mirror by a name that only the proxy knows, and one process that downloads from it. */
  async function throughProxy(
    { names = ['mirror.test:443'], credentials }: { names?: string[]; credentials?: string },
    variablesOf: (proxyUrl: string) => Record<string, string>,
  ) {
    await using certificates = await makeCertificates(['DNS:mirror.test', 'IP:127.0.0.1'])
    await using mirror = await startMirror(
      { '/file': good(CONTENT), '/local': good(CONTENT) },
      { tls: certificates.server },
    )
    const port = Number(new URL(mirror.origin).port)
    const ports = Object.fromEntries(names.map(name => [name, port]))
    await using proxy = await startTunnelProxy(ports, credentials === undefined ? {} : { credentials })
    await using box = await downloadBox()
    const download = async (url: string, path = box.path) => {
      const variables = { NODE_EXTRA_CA_CERTS: certificates.caFile, ...variablesOf(proxy.url) }
      return downloadElsewhere({ request: { ...box.request, path, urls: [url] }, limits: QUICK }, variables).outcome()
    }
    const outcome = await download('https://mirror.test/file')
    const content = outcome.sha256 === SHA256 ? await readFile(box.path) : undefined
    const asked = mirror.requests.map(({ headers }) => headers['proxy-authorization'])
    const tunnels = [...proxy.tunnels]
    return {
      outcome,
      content,
      tunnels,
      asked,
      proxyUrl: proxy.url,
      local: await download(mirror.url('/local'), `${box.path}-local`),
      all: proxy.tunnels,
    }
  }

  for (const variable of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'])
    withCertificates(`that ${variable} names, a server is reached; this machine is, without it`, async () => {
      const { outcome, content, tunnels, local, all } = await throughProxy({}, url => ({ [variable]: url }))
      expect(outcome).toMatchObject({ url: 'https://mirror.test/file', sha256: SHA256 })
      expect(content).toHaveLength(CONTENT.length)
      expect(tunnels).toEqual([{ to: 'mirror.test:443', authorization: undefined }])
      expect(local).toMatchObject({ url: expect.stringMatching(/^https:.*\/local$/), sha256: SHA256 })
      expect(all).toHaveLength(1)
    })

  withCertificates('that wants credentials, they are shown to it alone', async () => {
    const { outcome, tunnels, asked } = await throughProxy({ credentials: 'user:pa55word' }, url => ({
      HTTPS_PROXY: withUser(url),
    }))
    expect(outcome).toMatchObject({ sha256: SHA256 })
    expect(tunnels).toEqual([{ to: 'mirror.test:443', authorization: BASIC }])
    expect(asked).toEqual([undefined])
  })

  withCertificates('that refuses, the failure names it without its credentials', async () => {
    const { outcome, proxyUrl } = await throughProxy({ credentials: 'user:other' }, url => ({
      HTTPS_PROXY: withUser(url),
    }))
    expect(outcome.code).toBe('sidecar_download_failed')
    expect(outcome.message).toContain(`407 Proxy Authentication Required (${proxyUrl})`)
    expect(outcome.hint).toContain('HTTPS_PROXY')
    expect(JSON.stringify(outcome)).not.toContain('pa55word')
  })

  withCertificates('no server is asked for that NO_PROXY names', async () => {
    const { outcome, all } = await throughProxy({}, url => ({ HTTPS_PROXY: url, NO_PROXY: 'other.test, .mirror.test' }))
    expect(outcome.message).toContain('its name was not found')
    expect(all).toEqual([])
  })

  withCertificates('that does not answer, the failure names it', async () => {
    const { outcome } = await throughProxy({}, () => ({ HTTPS_PROXY: withUser('http://127.0.0.1:1') }))
    expect(outcome.message).toContain('connection refused through the proxy http://127.0.0.1:1 (ECONNREFUSED)')
  })
})
