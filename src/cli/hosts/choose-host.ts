import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import { findHost } from './find-host.ts'

/**
 * As `findHost`; where several could be meant and there is a person to ask, the one that is chosen.
 * @throws OpenworkError no_running_host, several_running_hosts, interrupted
 */
export async function chooseHostMeant(word: string | undefined, dataDir: string, context: Context): Promise<LocalHost> {
  const { cwd, home } = context
  try {
    return await findHost(word, { dataDir, cwd, home })
  } catch (error) {
    if (word !== undefined || !(error instanceof OpenworkError && error.code === 'several_running_hosts')) throw error
    const { chooseHost } = await import('../prompts/prompts.ts')
    const chosen = await chooseHost(await listLocalHosts(dataDir), context)
    if (chosen) return chosen
    throw error
  }
}
