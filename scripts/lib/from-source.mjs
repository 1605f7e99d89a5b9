// openwork from source, in the folder that npm was called in.
import { delimiter, join } from 'node:path'
import { bun, ensureInstalled, FOREIGN_FOLDER_FLAGS, ROOT, run } from './toolchain.mjs'

const ENTRY = join(ROOT, 'src', 'bin', 'openwork.ts')

/** Installs what is missing, runs openwork with these arguments, and ends with its exit code. */
export async function runFromSource(args, env = process.env) {
  ensureInstalled()
  const cwd = process.env.INIT_CWD ?? process.cwd()
  process.exit(await run(bun(), [...FOREIGN_FOLDER_FLAGS, ENTRY, ...args], { cwd, env: withoutNpmRun(env) }))
}

/**
 * The environment without what `npm run` itself put there: the agent runs in the user's folder, where npm must not
 * take itself for a script of ours.
 */
function withoutNpmRun(env) {
  const own = /^(?:INIT_CWD|npm_(?:lifecycle|package|command|execpath|node_execpath|config_local_prefix).*)$/
  const isOwnFolder = folder => folder.startsWith(join(ROOT, 'node_modules')) || folder.endsWith('node-gyp-bin')
  const kept = Object.entries(env).filter(([name]) => !own.test(name))
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (name.toUpperCase() !== 'PATH') return [name, value]
      return [
        name,
        value
          .split(delimiter)
          .filter(folder => !isOwnFolder(folder))
          .join(delimiter),
      ]
    }),
  )
}
