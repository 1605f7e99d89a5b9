import { program } from '../cli/commands/index.ts'
import { processIo } from '../cli/kit/io.ts'
import { runCli } from '../cli/kit/run.ts'

/** `openwork`: arguments in, exit code out. */
export function main(args: readonly string[]): Promise<number> {
  return runCli(program, args, processIo())
}
