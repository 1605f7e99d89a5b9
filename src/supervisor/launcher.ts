import { reveal } from '../shared/secret.ts'
import type { OutputStream, ServiceExit, ServiceSpec } from './service.ts'

export type LaunchHooks = {
  /** One line of output without its line end. */
  line: (stream: OutputStream, text: string) => void
  /** The main process ended; told once, and not held up by others that keep its output open. */
  exited: (exit: ServiceExit) => void
}

/** A program that was started. Its output is read whether or not anyone listens. */
export type Launched = {
  pid: number
  signal(signal: NodeJS.Signals): void
  /** SIGKILL for the process and all it started, before this returns. */
  killNow(): void
  /**
   * After the exit: lets what the process left behind have `graceMs` to end by itself, kills the rest and takes the
   * last output. Resolves within about a second more even when something cannot be killed. Never rejects.
   */
  sweep(graceMs: number): Promise<void>
}

/** Which run of which supervisor a program belongs to, see spawn-marker.ts. */
export type LaunchIdentity = { nonce: string; generation: number }

/** Where services run: on this host, in a container. */
export type Launcher = {
  /**
   * @throws SpawnError when the program cannot be started
   */
  launch(spec: ServiceSpec, identity: LaunchIdentity, hooks: LaunchHooks): Launched
}

/** The environment a child gets: the spec's and nothing else, plain. */
export const plainEnvironment = (env: ServiceSpec['env']): Record<string, string> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, reveal(value)]))

/** A program could not be started at all. */
export class SpawnError extends Error {
  override readonly name = 'SpawnError'
  /** Trying again without a change to the machine is useless: no such file, not executable, … */
  readonly permanent: boolean

  constructor(message: string, options: { permanent: boolean; cause: unknown }) {
    super(message, { cause: options.cause })
    this.permanent = options.permanent
  }
}
