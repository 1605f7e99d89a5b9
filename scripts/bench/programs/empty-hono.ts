// The floor of every route: hono on Bun.serve, answering at once. Prints its port; ends with its standard input.
import { Hono } from 'hono'

const app = new Hono().get('/health', context => context.json({ ok: true }))
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: app.fetch })
console.log(server.port)
await Bun.stdin.text()
await server.stop(true)
