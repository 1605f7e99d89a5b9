// npm test: installs what is missing, then runs scripts/test.ts. The last line of the output holds the totals even when
// there is nothing to run the tests with.
import { ensureTmux } from './lib/tmux.mjs'
import { bun, ensureInstalled, run } from './lib/toolchain.mjs'

ensureInstalled({ onFailure: () => console.log('0 passed, 1 failed') })
ensureTmux()
process.exit(await run(bun(), ['scripts/test.ts', ...process.argv.slice(2)]))
