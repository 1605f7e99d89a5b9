import { z } from 'zod'
import { type ConfigProblem, configProblem, type EngineWork } from '../../api/hot-reload.ts'
import type { OpencodeClient } from '../../api/opencode-client.ts'
import { NO_WORK, together } from '../../hot-reload/engine-work.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { TrackedWorkspace } from './tracked-workspace.ts'

type Asked = Pick<OpencodeClient, 'work'>

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

/** In a folder that opencode refuses nothing is at work. */
export async function findWork(
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
