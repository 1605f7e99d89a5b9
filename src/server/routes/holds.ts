import { setTimeout as delay } from 'node:timers/promises'
import { holdReleased, holdRequest, requestHold } from '../../api/control.ts'
import { created, ok } from '../../http/route.ts'
import { route, type Services } from '../services.ts'
import type { Workspaces } from '../workspaces.ts'

/** Meanwhile what is open is answered, or is old enough to be taken for work. */
const OPEN_LIMIT_MS = 1_500
const OPEN_CHECK_MS = 5

/** Allowed in read-only mode: nothing is changed, and the host has to reload there too. */
export const holdRequests = route({
  method: 'POST',
  path: '/workspaces/holds',
  summary: 'Let new requests for opencode wait while its instances are made anew',
  access: { auth: 'host' },
  body: holdRequest,
  bodyOptional: true,
  reply: created(requestHold),
  fails: ['invalid_json', 'invalid_payload'],
  handle: async ({ body: { directories, ttlMs }, signal }, { workspaces, opencodeHolds, opencodeUse }) => {
    const ids = directories && workspacesIn(directories, workspaces)
    const hold = opencodeHolds.begin(ids, ttlMs)
    const openRequests = await unseenWork(ids ?? localIds(workspaces), opencodeUse, signal)
    // Nobody knows its id.
    if (signal.aborted) opencodeHolds.end(hold.id)
    return { ...hold, openRequests }
  },
})

export const releaseRequests = route({
  method: 'DELETE',
  path: '/workspaces/holds/:id',
  summary: 'Let the requests that wait go on',
  access: { auth: 'host' },
  reply: ok(holdReleased),
  fails: [],
  handle: ({ params: { id } }, { opencodeHolds }) => ({ ok: true as const, released: opencodeHolds.end(id) }),
})

/** Undefined when one of the folders is no workspace's: any request may mean it then. */
function workspacesIn(directories: readonly string[], workspaces: Workspaces): Set<string> | undefined {
  const ids = new Set<string>()
  for (const directory of directories) {
    const own = workspaces.all.filter(({ opencode }) => opencode?.directory === directory)
    const holding = workspaces.holding(directory) ?? own[0]
    if (!holding) return undefined
    for (const { id } of [holding, ...own]) ids.add(id)
  }
  return ids
}

const localIds = ({ all }: Workspaces): Set<string> =>
  new Set(all.filter(({ workspaceType }) => workspaceType === 'local').map(({ id }) => id))

/** Asked again and again for a moment, which costs less than to be told of each request's end all day. */
async function unseenWork(
  ids: ReadonlySet<string>,
  use: Services['opencodeUse'],
  signal: AbortSignal,
): Promise<number> {
  const untilMs = performance.now() + OPEN_LIMIT_MS
  let unseen = use.unseenWorkOf(ids)
  while (unseen === undefined && performance.now() < untilMs && !signal.aborted) {
    await delay(OPEN_CHECK_MS)
    unseen = use.unseenWorkOf(ids)
  }
  return unseen ?? 1 // new ones: the hold has ended meanwhile
}
