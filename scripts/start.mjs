// `npm start -- [args]`: openwork from source. Without a command it is `openwork start`, on the folder npm was called in.
import { join } from 'node:path'
import { bun, ensureInstalled, ROOT, run } from './lib/toolchain.mjs'

ensureInstalled()
const cwd = process.env.INIT_CWD ?? process.cwd()
process.exit(await run(bun(), [join(ROOT, 'src', 'bin', 'openwork.ts'), ...process.argv.slice(2)], { cwd }))
