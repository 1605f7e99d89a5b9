// `npm start -- [args]`: openwork from source. Without a command it is `openwork start`, on the folder npm was called in.
import { runFromSource } from './lib/from-source.mjs'

await runFromSource(process.argv.slice(2))
