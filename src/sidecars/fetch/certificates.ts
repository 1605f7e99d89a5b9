import { getCACertificates } from 'node:tls'

let trusted: string[] | undefined

/**
 * Whose signatures count: what came with Bun, the file in `NODE_EXTRA_CA_CERTS`, and the system's store with
 * what `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Bun by itself leaves the system's store out (1.4.5), and with it the CA of
 * a company's proxy. Read once, at the first https request: it takes some milliseconds.
 */
export function trustedCertificates(): string[] {
  trusted ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
  return trusted
}
