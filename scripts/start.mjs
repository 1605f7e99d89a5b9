// `npm start -- [args]`: openwork from source. Without a command it is `openwork start`, on the folder npm was called in.
import { join } from 'node:path'
import { bun, ensureInstalled, FOREIGN_FOLDER_FLAGS, ROOT, run } from './lib/toolchain.mjs'

ensureInstalled()
const cwd = process.env.INIT_CWD ?? process.cwd()
const entry = join(ROOT, 'src', 'bin', 'openwork.ts')
process.exit(await run(bun(), [...FOREIGN_FOLDER_FLAGS, entry, ...process.argv.slice(2)], { cwd }))
