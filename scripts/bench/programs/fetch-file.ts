// The floor of a download: the bytes of a URL written to a file as they come, neither hashed nor verified nor synced.
// Prints the milliseconds it took.
import { open } from 'node:fs/promises'

const [url = '', path = ''] = process.argv.slice(2)
const startedMs = performance.now()
const { body } = await fetch(url, { proxy: false as unknown as string })
const file = await open(path, 'w')
for await (const chunk of body ?? []) await file.writeFile(chunk)
await file.close()
console.log(performance.now() - startedMs)
