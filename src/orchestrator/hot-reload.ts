import type { EngineWork, HotReloadEvent, HotReloadStatus } from '../api/hot-reload.ts'
import { opencodeClient } from '../api/opencode-client.ts'
import { openFileWatches } from '../hot-reload/file-watches.ts'
import { HotReloads } from '../hot-reload/hot-reloads.ts'
import { reloadEngine } from '../hot-reload/opencode-reload-engine.ts'
import type { ReloadEngine } from '../hot-reload/reload-engine.ts'
import { ReloadHold } from '../hot-reload/reload-hold.ts'
import { OPENCODE } from '../services/opencode.ts'
import type { Log } from '../shared/log.ts'
import { reveal } from '../shared/secret.ts'
import type { SupervisorEvent } from '../supervisor/service.ts'
import type { HeldWork, Reloads } from './control-app.ts'
import type { Host } from './host.ts'
import type { HotReloadOptions } from './options.ts'
import { requestHolds } from './request-holds.ts'
import { restartOpencode } from './restart-opencode.ts'

export type HotReloadInput = {
  options: HotReloadOptions
  log: Log
  /**
   * Folders that opencode may have instances for without being followed: what runs there ends as well when opencode is
   * started again. None unless given.
   */
  others?: () => Promise<readonly string[]>
  /** False for a folder in which nobody has opened a terminal. Unless given, each is asked for its terminals. */
  mayHaveTerminals?: (directory: string) => boolean
  /** Told of everything that is logged, with how the directory stands then. Must not throw. */
  onEvent?: (event: HotReloadEvent) => void
}

/** Hot reload of the directories that a host's opencode has instances for. */
export type HotReload = Reloads & {
  /** From now on its changes are taken over. `readAtMs`: since when opencode has an instance for it. */
  follow(directory: string, read: { readAtMs: number | undefined }): void
  /** There is no instance any more that a change would have to reach. */
  unfollow(directory: string): void
  status(directory: string): HotReloadStatus | undefined
  /** Gives up what is pending. To be called before the host is stopped: nothing restarts opencode after this. */
  close(): void
}

/**
 * Hot reload for a host that is ready; nothing is followed yet. It hears of restarts of opencode by itself, and the
 * control server answers for it from now on. This module brings schemas and the file watcher: import it lazily.
 */
export function openHotReload(host: Host, input: HotReloadInput): HotReload {
  const { options, log, others, mayHaveTerminals, onEvent } = input
  const followed = new Set<string>()
  let known: readonly string[] = []
  const client = opencodeClient(host.plan.opencode)
  const engine = reloadEngine(client, {
    directories: () => [...followed, ...known],
    restart: () => restartOpencode({ client, server: host.plan.server, restart: () => host.restart(OPENCODE) }, log),
    ...(mayHaveTerminals && { mayHaveTerminals }),
    hold: requestHolds({ baseUrl: host.plan.server.baseUrl, hostToken: host.plan.server.hostToken }, log),
  })
  const allWork = async (): Promise<EngineWork> => {
    known = (await others?.()) ?? []
    return engine.allWork()
  }
  const watches = openFileWatches({ env: opencodeEnvironment(host), log, configSchema: () => client.configSchema() })
  const reloads = new HotReloads({
    watches: options => watches.follow(options),
    engine: { ...engine, allWork },
    options,
    log,
    onEvent: event => onEvent?.(event),
  })
  host.listen(startsOfOpencode(atMs => reloads.engineRestarted(atMs)))
  const offered: Reloads = {
    statuses: () => reloads.statuses(),
    reload: (directory, request) => reloads.reload(directory, request),
    directories: async () => [...((await others?.()) ?? followed)],
    heldWork: () => heldWork({ ...engine, allWork }),
  }
  host.offerReloads(offered)
  return {
    ...offered,
    status: directory => reloads.status(directory),
    follow: (directory, read) => {
      followed.add(directory)
      reloads.follow(directory, read)
    },
    unfollow: directory => {
      followed.delete(directory)
      reloads.unfollow(directory)
    },
    close: () => {
      reloads.close()
      watches.close()
    },
  }
}

async function heldWork(engine: ReloadEngine): Promise<HeldWork> {
  await using holds = new AsyncDisposableStack()
  const hold = holds.use(new ReloadHold(engine))
  const work = await hold.workOf(undefined, () => engine.allWork(), { always: false })
  const held = holds.move()
  return { work, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Says which config files opencode reads: those of the user, or in dev mode of the data dir. */
function opencodeEnvironment({ plan }: Host): Record<string, string> {
  const spec = plan.specs.find(({ name }) => name === OPENCODE)
  return Object.fromEntries(Object.entries(spec?.env ?? {}).map(([name, value]) => [name, reveal(value)]))
}

/** When each process of opencode began that has come up. */
function startsOfOpencode(tell: (atMs: number) => void): (event: SupervisorEvent) => void {
  let startedAtMs: number | undefined
  return event => {
    if (event.type !== 'state' || event.service !== OPENCODE) return
    if (event.state === 'starting') startedAtMs = event.atMs
    if (event.state === 'ready' && event.previous === 'starting') tell(startedAtMs ?? event.atMs)
  }
}
