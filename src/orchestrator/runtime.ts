import { randomUUID } from 'node:crypto'
import { RUNTIME_SERVICES, type RuntimeService, type RuntimeVersions, type UpgradeState } from '../api/runtime.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** Where the program of a service came from, and which version it is. */
export type RuntimeProgram = {
  name: RuntimeService
  source: string
  path: string
  /** What this release was made with. */
  targetVersion: string
  /** Undefined when the program would not say. */
  actualVersion: string | undefined
}

type RuntimeOptions = {
  supervisor: Supervisor
  /** Those of this host; services that are none of them are shown as not enabled. */
  programs: readonly RuntimeProgram[]
  version: string
  startedAtMs: number
  workspace: string
  log: Log
}

/** The services this host cannot be without: what an upgrade renews when it names none. */
const RENEWED_BY_DEFAULT: readonly string[] = ['opencode', 'openwork-server'] satisfies RuntimeService[]

const IDLE: UpgradeState = {
  status: 'idle',
  startedAt: null,
  finishedAt: null,
  error: null,
  operationId: null,
  services: [],
}

/** What runs on a host and in which version, and the one upgrade that may be under way. */
export class Runtime {
  readonly #options: RuntimeOptions
  #upgrade = IDLE

  constructor(options: RuntimeOptions) {
    this.#options = options
  }

  versions(): RuntimeVersions {
    const { version, startedAtMs, workspace } = this.#options
    return {
      ok: true,
      orchestrator: { version, startedAt: startedAtMs },
      worker: { workspace, sandboxMode: 'none' },
      upgrade: this.#upgrade,
      services: RUNTIME_SERVICES.map(name => this.#describe(name)),
    }
  }

  /**
   * Renews services one after the other, in the background; `versions()` tells how far it is. openwork-server comes
   * last: the request came through it. Throws `invalid_services` when none of the names is a service of this host,
   * `upgrade_in_progress` while another upgrade runs.
   */
  upgrade(wanted: readonly string[] = RENEWED_BY_DEFAULT): UpgradeState {
    const { programs, log } = this.#options
    const services = RUNTIME_SERVICES.filter(
      name => wanted.includes(name) && programs.some(program => program.name === name),
    )
    if (services.length === 0)
      throw new OpenworkError('invalid_services', 'None of the services named runs on this host', {
        details: { services: programs.map(({ name }) => name) },
      })
    if (this.#upgrade.status === 'running')
      throw new OpenworkError('upgrade_in_progress', 'An upgrade is running already', {
        details: { operationId: this.#upgrade.operationId },
      })
    this.#upgrade = { ...IDLE, status: 'running', startedAt: Date.now(), operationId: randomUUID(), services }
    log.info('upgrade started', { services })
    void this.#renewAll(services).then(error => {
      const end = { finishedAt: Date.now(), error: error ?? null }
      this.#upgrade = { ...this.#upgrade, ...end, status: error === undefined ? 'idle' : 'failed' }
      if (error === undefined) log.info('upgrade finished', { services })
      else log.error('upgrade failed', { services, reason: error })
    })
    return this.#upgrade
  }

  /** Resolves with what went wrong, if something did; services after it are left as they are. */
  async #renewAll(services: readonly RuntimeService[]): Promise<string | undefined> {
    // The answer to the one who asked goes out first.
    await new Promise(resolve => setImmediate(resolve))
    for (const name of services) {
      try {
        // A new program would be fetched here; so far every release runs the programs it was made with.
        await this.#options.supervisor.restart(name)
      } catch (error) {
        return messageOf(error)
      }
    }
    return undefined
  }

  #describe(name: RuntimeService): RuntimeVersions['services'][number] {
    const program = this.#options.programs.find(program => program.name === name)
    if (!program) return { name, enabled: false, running: false, upgradeAvailable: false }
    const { source, path, targetVersion, actualVersion } = program
    return {
      name,
      enabled: true,
      running: this.#options.supervisor.snapshot().some(service => service.name === name && service.pid !== undefined),
      source,
      path,
      targetVersion,
      ...(actualVersion !== undefined && { actualVersion }),
      upgradeAvailable: actualVersion !== undefined && actualVersion !== targetVersion,
    }
  }
}
