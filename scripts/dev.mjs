// `npm run dev -- <command> [args]`: openwork from source, with an opencode that keeps its state below the data dir instead of
// using the developer's own (OPENWORK_DEV_MODE). Without a command it shows which there are.
import { runFromSource } from './lib/from-source.mjs'

const [first, ...rest] = process.argv.slice(2)
const args = first === '--' ? rest : process.argv.slice(2) // pnpm passes it on
await runFromSource(args.length > 0 ? args : ['--help'], { OPENWORK_DEV_MODE: '1', ...process.env })
