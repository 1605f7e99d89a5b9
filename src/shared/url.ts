import { type Secret, secret } from './secret.ts'

/** `http://host:port`, IPv6 addresses in brackets. */
export const httpOrigin = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** The address on which this machine itself reaches a listener at `host`. */
export const loopbackOf = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)

/** The `Authorization` header of HTTP basic authentication. */
export const basicAuth = (username: Secret, password: Secret): Secret =>
  secret(`Basic ${Buffer.from(`${username.reveal()}:${password.reveal()}`).toString('base64')}`)
