import { program } from '../cli/commands/index.ts'
import { processIo } from '../cli/kit/io.ts'
import { runCli } from '../cli/kit/run.ts'
import { withLoopbackUnproxied } from '../services/child-environment.ts'

/** `openwork`: arguments in, exit code out. */
export function main(args: readonly string[]): Promise<number> {
  const env = { ...process.env } // what commands see stays what the user set
  Object.assign(process.env, withLoopbackUnproxied(env))
  return runCli(program, args, processIo(env))
}
