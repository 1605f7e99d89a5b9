import { serverMain } from '../server/main.ts'
import { watchParent } from '../shared/parent-watch.ts'
import { reapRun } from '../supervisor/reap.ts'

/**
 * `openwork-server`: arguments in, exit code out. Started by an orchestrator that is then killed, it is the only one left
 * who knows what else runs, and takes it down before it ends.
 */
export async function main(args: readonly string[]): Promise<number> {
  const { env, stdout, stderr } = process
  let isOrphan = false
  const unwatch = watchParent(env, () => {
    isOrphan = true
  })
  const code = await serverMain([...args], { env, cwd: process.cwd(), stdout, stderr })
  unwatch()
  if (isOrphan && env.OPENWORK_RUN_RECORD) await reapRun(env.OPENWORK_RUN_RECORD, { ownerEndsWithinMs: 2_000 })
  return code
}
