// node scripts/with-bun.mjs <file.ts> [args…]: runs one of our TypeScript programs with the pinned Bun.
import { bun, ensureInstalled, run } from './lib/toolchain.mjs'

ensureInstalled()
process.exit(await run(bun(), process.argv.slice(2)))
