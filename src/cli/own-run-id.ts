import type { Context } from './kit/context.ts'

/** The run id that was given for this run. Inside the agent of another host its id is in the environment; it is not ours. */
export const ownRunId = (given: string | undefined, { env, source }: Pick<Context, 'env' | 'source'>) =>
  env.OPENWORK === '1' && source('runId') === 'env' ? undefined : given
