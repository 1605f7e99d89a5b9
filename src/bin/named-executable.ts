import { existsSync, realpathSync } from 'node:fs'

/**
 * Becomes the executable of this path, with our arguments, or ends with 1. Returns when that is this very one.
 *
 * The install script of the npm package puts us in the place of its launcher (npm/README.md), which looks for the path
 * in OPENWORK_ORCHESTRATOR_BIN_PATH first.
 */
export function becomeNamed(path: string): void {
  if (!existsSync(path)) fail(`OPENWORK_ORCHESTRATOR_BIN_PATH names ${path}, which does not exist`)
  if (realpathSync(path) === realpathSync(process.execPath)) return
  // A launcher there would follow it once more.
  const { OPENWORK_ORCHESTRATOR_BIN_PATH: _, ...env } = process.env
  try {
    process.execve?.(path, [path, ...process.argv.slice(2)], env)
  } catch (error) {
    fail(`${path} does not start: ${error instanceof Error ? error.message : error}`)
  }
}

function fail(what: string): never {
  console.error(`openwork: ${what}`)
  console.error('Correct OPENWORK_ORCHESTRATOR_BIN_PATH, or unset it to run the executable that was installed.')
  process.exit(1)
}
