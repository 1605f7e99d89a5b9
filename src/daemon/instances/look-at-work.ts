import { z } from 'zod'
import type { WorkspaceActivity } from '../../api/control.ts'
import { type ConfigProblem, configProblem, type EngineWork } from '../../api/hot-reload.ts'
import type { OpencodeClient } from '../../api/opencode-client.ts'
import { amountOf, NO_WORK, together } from '../../hot-reload/engine-work.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import { atMost } from './at-most.ts'
import type { LiveInstances } from './live-instances.ts'
import type { TrackedWorkspace } from './tracked-workspace.ts'

type Asked = Pick<OpencodeClient, 'work'>

export const LOOKS_AT_A_TIME = 8

/**
 * Asks opencode what is at work in a workspace, which is kept there, with what opencode refuses its folders for. To be
 * called in the workspace's turn. Throws as `OpencodeClient` does.
 */
export async function lookAtWork(opencode: Asked, tracked: TrackedWorkspace): Promise<EngineWork> {
  const found = await Promise.all(
    tracked.directories.map(directory => findWork(opencode, directory, tracked.withTerminals.has(directory))),
  )
  const work = together(found.map(each => each.work))
  tracked.work = work
  tracked.problems = found.flatMap(({ problems }) => problems)
  return work
}

type AllAsked = { opencode: Asked; activity(): Promise<WorkspaceActivity> }

/**
 * Everything at work anywhere in opencode, and requests on their way to it. Throws when somebody does not answer: that is
 * no reason to take it for idle.
 */
export async function countAllWork(
  { opencode, activity }: AllAsked,
  live: Pick<LiveInstances, 'all' | 'strangers' | 'get'>,
): Promise<number> {
  let work = 0
  await atMost(LOOKS_AT_A_TIME, live.all(), async tracked => {
    work += amountOf(await tracked.inTurn(() => lookAtWork(opencode, tracked)))
  })
  await atMost(LOOKS_AT_A_TIME, live.strangers(), async directory => {
    work += amountOf((await findWork(opencode, directory, true)).work)
  })
  const { items } = await activity()
  const ours = items.filter(({ workspaceId }) => live.get(workspaceId))
  return ours.reduce((sum, { openRequests }) => sum + openRequests, work)
}

/** In a folder that opencode refuses nothing is at work. */
async function findWork(
  opencode: Asked,
  directory: string,
  terminals: boolean,
): Promise<{ work: EngineWork; problems: readonly ConfigProblem[] }> {
  try {
    return { work: await opencode.work(directory, { terminals }), problems: [] }
  } catch (error) {
    if (!(error instanceof OpenworkError && error.code === 'opencode_config_invalid')) throw error
    return { work: NO_WORK, problems: problemsOf(error, directory) }
  }
}

const refusal = z.object({ problems: z.array(configProblem).min(1) })

const problemsOf = (error: OpenworkError, directory: string): readonly ConfigProblem[] =>
  refusal.safeParse(error.details).data?.problems ?? [{ path: directory, message: messageOf(error) }]
