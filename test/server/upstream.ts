import { connect } from 'node:net'
import { asClient, startServer } from './start-server.ts'

type Seen = { method: string; url: string; headers: Record<string, string>; body: string }

type Upstream = AsyncDisposable & {
  url: string
  /** Everything but the probes. */
  seen: Seen[]
}

/** A stand-in for opencode on loopback. It answers the proxy's probe, and the rest by `answer`. */
export function startUpstream(
  answer: (request: Request) => Response | Promise<Response> = () => Response.json({}),
): Upstream {
  const seen: Seen[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const url = request.url.slice(request.url.indexOf('/', 8))
      if (url.endsWith('/global/health')) return Response.json({ healthy: true })
      const copy = request.method === 'GET' || request.method === 'HEAD' ? '' : await request.clone().text()
      seen.push({ method: request.method, url, headers: Object.fromEntries(request.headers), body: copy })
      return answer(request)
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, seen, [Symbol.asyncDispose]: () => server.stop(true) }
}

export const serverOf = (baseUrl: string, flags: string[] = [], env: Record<string, string> = {}) =>
  startServer({
    flags: ['--opencode-base-url', baseUrl, ...flags],
    env: { OPENWORK_OPENCODE_USERNAME: 'opencode', OPENWORK_OPENCODE_PASSWORD: 'engine-password', ...env },
  })

export const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code: string }).code

/** An upstream of bare bytes: `answer` gets what one connection sent so far. The probe is answered for it. */
export async function startRawUpstream(
  answer: (received: string) => string | undefined,
  answersProbe = true,
): Promise<AsyncDisposable & { url: string; stopListening: () => void }> {
  const server = Bun.listen<{ text: string }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: '' }
      },
      data(socket, chunk) {
        socket.data.text += chunk.toString()
        const isProbe = socket.data.text.includes('/global/health')
        if (isProbe && !answersProbe) return
        const reply = isProbe ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' : answer(socket.data.text)
        if (reply === undefined) return
        socket.data.text = ''
        if (reply === 'close') socket.end()
        else socket.write(reply)
      },
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    stopListening: () => server.stop(true),
    [Symbol.asyncDispose]: async () => server.stop(true),
  }
}

/** The whole answer to a GET of a path exactly as given, which `fetch` would tidy up. */
export function rawGet(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname)
    socket.on('data', data => (text += data.toString()))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n`)
    socket.write(`Authorization: ${asClient.authorization}\r\n\r\n`)
  })
}
