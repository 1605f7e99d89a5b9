// Serves one file, on any path. Prints its port; ends with its standard input.
export {}

const served = Bun.file(process.argv[2] ?? '')
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(served) })
console.log(server.port)
await Bun.stdin.text()
await server.stop(true)
