import { serverMain } from '../server/main.ts'

/** `openwork-server`: arguments in, exit code out. */
export function main(args: readonly string[]): Promise<number> {
  const { env, stdout, stderr } = process
  return serverMain([...args], { env, cwd: process.cwd(), stdout, stderr })
}
