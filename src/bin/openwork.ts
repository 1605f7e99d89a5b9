import { selectProgram } from '../services/own-program.ts'
import { VERSION } from '../shared/version.ts'

const named = process.env.OPENWORK_ORCHESTRATOR_BIN_PATH
// Only in the place of the npm launcher: everywhere else the variable is none of ours.
if (named && process.execPath.endsWith('openwork.cjs')) (await import('./named-executable.ts')).becomeNamed(named)

const { program, args } = selectProgram(process.argv0, process.argv.slice(2))

// Scripts ask for the version in tight loops: answered before anything else is loaded.
const asksVersion = args.length === 1 && (args[0] === '--version' || args[0] === '-v')
if (asksVersion && program !== 'opencode-router')
  console.log(VERSION) // process.stdout costs 3 ms more
else {
  const code = await run()
  await written(process.stdout)
  await written(process.stderr)
  process.exit(code) // idle keep-alive sockets would hold the process for seconds
}

async function run(): Promise<number> {
  switch (program) {
    case 'openwork':
      return (await import('./openwork-main.ts')).main(args)
    case 'openwork-server':
      return (await import('./openwork-server.ts')).main(args)
    case 'opencode-router':
      return (await import('./opencode-router.ts')).main()
  }
}

/** Resolves when what was written so far has left the process: `process.exit` drops what still waits for a pipe. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => stream.write('', () => resolve()))
}
