import { randomUUID } from 'node:crypto'
import { RUNTIME_SERVICES, type RuntimeService, type RuntimeVersions, type UpgradeState } from '../api/runtime.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { RuntimeProgram } from './runtime-program.ts'
import { findSuccessor, followsDisk, type Successor, type SuccessorOptions } from './successors.ts'

type RuntimeOptions = SuccessorOptions & {
  supervisor: Supervisor
  /** Those of this host; services that are none of them are shown as not enabled. */
  programs: readonly RuntimeProgram[]
  specs: readonly ServiceSpec[]
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

/** What runs for a service now. */
type Running = {
  program: RuntimeProgram
  spec: ServiceSpec
  /** Version of the openwork that chose the program. */
  chosenBy: string
}

/** What runs on a host and in which version, and the one upgrade that may be under way. */
export class Runtime {
  readonly #options: RuntimeOptions
  readonly #running: Map<RuntimeService, Running>
  readonly #closed = new AbortController()
  #upgrade = IDLE

  constructor(options: RuntimeOptions) {
    this.#options = options
    const { programs, specs, version } = options
    this.#running = new Map(
      programs.flatMap(program => {
        const spec = specs.find(({ name }) => name === program.name)
        return spec ? [[program.name, { program, spec, chosenBy: version }]] : []
      }),
    )
  }

  /** What runs now. */
  programs(): RuntimeProgram[] {
    return [...this.#running.values()].map(({ program }) => program)
  }

  async versions(): Promise<RuntimeVersions> {
    const { version, startedAtMs, workspace, disk } = this.#options
    const onDisk = await disk.version().catch((error: unknown) => {
      if (this.#closed.signal.aborted) return undefined // it was not told in time
      throw error
    })
    return {
      ok: true,
      orchestrator: { version, startedAt: startedAtMs },
      worker: { workspace, sandboxMode: 'none' },
      upgrade: this.#upgrade,
      services: RUNTIME_SERVICES.map(name => this.#describe(name, onDisk)),
    }
  }

  /**
   * Renews services one after the other, in the background; `versions()` tells how far it is. openwork-server comes
   * last: the request came through it. It stays up as it is when only opencode is asked for: opencode keeps its address
   * and credentials. Where a new program does not come up, all services run with those from before again.
   *
   * @throws OpenworkError `invalid_services` when none of the names is a service of this host, `upgrade_in_progress`
   *   while another upgrade runs
   */
  upgrade(wanted: readonly string[] = RENEWED_BY_DEFAULT): UpgradeState {
    const { log } = this.#options
    const services = RUNTIME_SERVICES.filter(name => wanted.includes(name) && this.#running.has(name))
    if (services.length === 0)
      throw new OpenworkError('invalid_services', 'None of the services named runs on this host', {
        details: { services: [...this.#running.keys()] },
      })
    if (this.#upgrade.status === 'running')
      throw new OpenworkError('upgrade_in_progress', 'An upgrade is running already', {
        details: { operationId: this.#upgrade.operationId },
      })
    this.#upgrade = { ...IDLE, status: 'running', startedAt: Date.now(), operationId: randomUUID(), services }
    log.info('upgrade started', { services })
    void this.#renewAll(services).then(({ renewed, error }) => {
      const end = { finishedAt: Date.now(), error: error ?? null, renewed }
      this.#upgrade = { ...this.#upgrade, ...end, status: error === undefined ? 'idle' : 'failed' }
      if (error === undefined) log.info('upgrade finished', { services, renewed })
      else log.error('upgrade failed', { services, reason: error })
    })
    return this.#upgrade
  }

  /** Looks for nothing any more: the host goes down. Resolves when no program runs that was asked for its version. */
  async close(): Promise<void> {
    const reason = new OpenworkError('interrupted', 'The host was stopped')
    this.#closed.abort(reason)
    await this.#options.disk.close(reason)
  }

  /** Resolves with what runs with another program now, and with what went wrong, if something did. */
  async #renewAll(services: readonly RuntimeService[]): Promise<{ renewed: RuntimeService[]; error?: string }> {
    // The answer to the one who asked goes out first.
    await new Promise(resolve => setImmediate(resolve))
    const renewed: Running[] = []
    try {
      // Nothing is ended before everything is there.
      await this.#options.disk.requireRunnable()
      const successors: [Running, Successor][] = []
      for (const running of services.flatMap(name => this.#running.get(name) ?? []))
        successors.push([running, await this.#successorOf(running)])
      for (const [running, successor] of successors) {
        const isOther = !isSame(running.program, successor.program)
        await this.#renew(successor)
        if (isOther) renewed.push(running)
        const { name, actualVersion, path } = successor.program
        this.#options.log.info(`${name} ${isOther ? 'renewed' : 'restarted: there is no other program for it'}`, {
          version: actualVersion,
          path,
        })
      }
    } catch (error) {
      return { renewed: [], error: await this.#rollBack(renewed, error) }
    }
    return { renewed: renewed.map(({ program }) => program.name) }
  }

  #successorOf({ program, spec: current }: Running): Promise<Successor> {
    const spec = this.#options.specs.find(({ name }) => name === program.name) ?? current
    return findSuccessor({ program, spec, current }, this.#options, this.#closed.signal)
  }

  async #renew({ program, spec, fallback }: Successor): Promise<void> {
    const { disk, version, supervisor } = this.#options
    const chosenBy = (await disk.version()) ?? version
    try {
      await supervisor.replace(spec, fallback)
    } catch (error) {
      const running = this.#running.get(program.name)
      if (running) this.#running.set(program.name, { ...running, spec: fallback })
      throw error
    }
    this.#running.set(program.name, { program, spec, chosenBy })
  }

  /** One that did not come up is back already; those renewed before it are to fit to it. */
  async #rollBack(renewed: readonly Running[], failure: unknown): Promise<string> {
    const said = [messageOf(failure)]
    for (const before of renewed.toReversed()) {
      const { program, spec } = before
      try {
        await this.#options.supervisor.replace(spec)
        this.#running.set(program.name, before)
      } catch (error) {
        said.push(messageOf(error))
      }
    }
    const isBack = failure instanceof OpenworkError && failure.code === 'service_not_replaced'
    return `${said.join('; ')}${isBack && said.length === 1 ? '; rolled back' : ''}`
  }

  #describe(name: RuntimeService, onDisk: string | undefined): RuntimeVersions['services'][number] {
    const running = this.#running.get(name)
    if (!running) return { name, enabled: false, running: false, upgradeAvailable: false }
    const { program, chosenBy } = running
    const { source, path, actualVersion } = program
    const isSuperseded = onDisk !== undefined && onDisk !== chosenBy
    // Which opencode another openwork brings is known when it has brought it.
    const targetVersion = !isSuperseded ? program.targetVersion : followsDisk(program) ? onDisk : undefined
    return {
      name,
      enabled: true,
      running: this.#options.supervisor.snapshot().some(service => service.name === name && service.pid !== undefined),
      source,
      path,
      ...(targetVersion !== undefined && { targetVersion }),
      ...(actualVersion !== undefined && { actualVersion }),
      upgradeAvailable: this.#isUpgradeAvailable(program, targetVersion),
    }
  }

  #isUpgradeAvailable({ name, actualVersion }: RuntimeProgram, targetVersion: string | undefined): boolean {
    if (name === 'opencode' && this.#options.isOpencodeExternal) return false
    return actualVersion !== undefined && actualVersion !== targetVersion
  }
}

const isSame = (one: RuntimeProgram, other: RuntimeProgram): boolean =>
  one.path === other.path && one.actualVersion === other.actualVersion
