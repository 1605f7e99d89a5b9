import { expect } from 'bun:test'
import { join } from 'node:path'
import { compileExecutable } from '../../../build/executable.ts'
import { testUnless } from '../../e2e/harness.ts'
import { makeCertificates, whyNoCertificates } from '../../fixtures/certificates.ts'
import { good, startMirror } from '../../fixtures/mirror.ts'
import { startTunnelProxy } from '../../fixtures/tunnel-proxy.ts'
import { CONTENT, DOWNLOAD_PROGRAM, downloadBox, downloadElsewhere, SHA256 } from './kit.ts'

testUnless(whyNoCertificates())(
  'a compiled executable takes authorities and proxy from the environment like the sources do',
  async () => {
    await using certificates = await makeCertificates(['DNS:mirror.test', 'IP:127.0.0.1'])
    await using mirror = await startMirror({ '/file': good(CONTENT) }, { tls: certificates.server })
    await using proxy = await startTunnelProxy({ 'mirror.test:443': Number(new URL(mirror.origin).port) })
    await using box = await downloadBox()
    const executable = join(box.folder, process.platform === 'win32' ? 'download.exe' : 'download')
    await compileExecutable({ entry: DOWNLOAD_PROGRAM, outfile: executable })
    const download = (name: string, url: string, variables: Record<string, string>) => {
      const request = { ...box.request, path: join(box.folder, name), urls: [url] }
      return downloadElsewhere({ request }, variables, [executable]).outcome()
    }

    const unknown = await download('unknown', mirror.url('/file'), {})
    expect(unknown.message).toContain('its certificate is not trusted')
    for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])
      expect(await download(variable, mirror.url('/file'), { [variable]: certificates.caFile })).toMatchObject({
        url: mirror.url('/file'),
        sha256: SHA256,
      })
    const proxied = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: certificates.caFile }
    expect(await download('proxied', 'https://mirror.test/file', proxied)).toMatchObject({ sha256: SHA256 })
    expect(proxy.tunnels.map(({ to }) => to)).toEqual(['mirror.test:443'])
  },
  60_000,
)
