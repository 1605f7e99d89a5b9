import { OPENWORK_SERVER } from '../services/openwork-server.ts'
import { executableOf, ownProgramArgv } from '../services/own-program.ts'
import type { OnProgress } from '../sidecars/download/progress.ts'
import { ensureOpencode, type FoundOpencode } from '../sidecars/find/ensure-opencode.ts'
import { ensureOwnProgram, type FoundOwnProgram } from '../sidecars/find/ensure-own-program.ts'
import { findMachine } from '../sidecars/pins/target.ts'
import { platformName } from '../sidecars/release/release.ts'
import type { StartOptions } from './options.ts'
import type { PrepareDeps } from './prepare-deps.ts'

/** The opencode that these options ask for; fetched when it is not there yet. */
export async function findBinary({ opencode, sidecars }: StartOptions, deps: PrepareDeps): Promise<FoundOpencode> {
  const found = await showing(deps, onProgress =>
    ensureOpencode({
      ...places({ sidecars }, deps),
      source: opencode.source,
      explicitBin: opencode.bin,
      flags: opencode.flags,
      onProgress,
    }),
  )
  if (found.from !== undefined)
    deps.log.info(`opencode ${found.expectedVersion} fetched and verified`, { path: found.path, from: found.from })
  return told('opencode', found, deps)
}

/** The openwork-server that these options ask for: the one built in, unless they say otherwise. */
export async function findServer({ sidecars, server }: StartOptions, deps: PrepareDeps): Promise<FoundOwnProgram> {
  const found = await showing(deps, onProgress =>
    ensureOwnProgram({
      ...places({ sidecars }, deps),
      program: OPENWORK_SERVER,
      source: sidecars.source,
      explicitBin: server.bin,
      flags: server.flags,
      builtIn: ownProgramArgv(deps.self, OPENWORK_SERVER, []),
      onProgress,
    }),
  )
  return told(OPENWORK_SERVER, found, deps)
}

/** Of this machine, as builds are named: with the C library, which decides as much as the processor does. */
export async function targetName(): Promise<string> {
  const machine = await findMachine()
  return machine ? platformName(machine) : `${process.platform}-${process.arch}`
}

const places = ({ sidecars }: Pick<StartOptions, 'sidecars'>, { env, cwd, self, log, signal }: PrepareDeps) => ({
  allowExternal: sidecars.allowExternal,
  executablePath: executableOf(self),
  sidecarDir: sidecars.dir,
  release: sidecars,
  env,
  cwd,
  signal,
  debug: log.debug.bind(log),
  info: log.info.bind(log),
})

/** Has progress shown while something is looked for, and not a moment longer: an interrupted start is not waited for. */
async function showing<Found>(
  { progress, signal }: PrepareDeps,
  find: (onProgress: OnProgress) => Promise<Found>,
): Promise<Found> {
  try {
    return await find(step => {
      if (!signal.aborted) progress.step(step)
    })
  } finally {
    progress.end()
  }
}

function told<Found extends FoundOpencode | FoundOwnProgram>(name: string, found: Found, { log }: PrepareDeps): Found {
  for (const warning of found.warnings) log.warn(warning)
  log.debug(`${name} found`, { path: found.path, source: found.source, version: found.actualVersion })
  return found
}
