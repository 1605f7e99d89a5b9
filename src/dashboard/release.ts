import { OpenworkError } from '../shared/errors.ts'
import type { DashboardOptions } from './run-dashboard.ts'

/** Has the host go on without its owner. Resolves to why it does not, for people; undefined when it does. */
export async function released({ release }: Pick<DashboardOptions, 'release'>): Promise<string | undefined> {
  try {
    await release?.()
    return undefined
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return `Not detached: ${error.message}`
  }
}
