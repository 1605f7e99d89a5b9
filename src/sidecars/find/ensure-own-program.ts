import { realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { isExecutableFile } from '../../shared/find-on-path.ts'
import { VERSION } from '../../shared/version.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { findMachine } from '../pins/target.ts'
import { Verifier } from '../verify/verify.ts'
import { findBundledFolders, findUnusable } from './bundled-folders.ts'
import type { OwnExecutableRequest, OwnProgram } from './ensure-own-executable.ts'
import { findProgram } from './find-program.ts'
import { isScript, scriptCommand } from './script-command.ts'
import { refuseContradictions, type SourceFlags, type SourceWish } from './sidecar-source.ts'

export type OwnProgramRequest = SourceWish &
  Omit<OwnExecutableRequest, 'platform' | 'runsHere'> & {
    /** This executable, as that program. */
    builtIn: readonly [string, ...string[]]
    /** The running program: what came with it lies around it. */
    executablePath: string
    /** Against which a relative `explicitBin` counts. */
    cwd: string
  }

export type FoundOwnProgram = {
  /** The command line before the program's own arguments. */
  readonly argv: readonly [string, ...string[]]
  /** The program itself, where an interpreter runs it too. */
  readonly path: string
  readonly source: 'bundled' | 'downloaded' | 'external'
  readonly expectedVersion: string
  /** Undefined for an external one: it says so itself once it runs. */
  readonly actualVersion: string | undefined
  /** Sentences for the log. */
  readonly warnings: readonly string[]
}

/** How the wishes for each of our programs are called. */
const OWN_PROGRAM_FLAGS: Readonly<Record<OwnProgram, SourceFlags>> = {
  'openwork-server': { bin: '--openwork-server-bin', source: '--sidecar-source' },
  'opencode-router': { bin: '--opencode-router-bin', source: '--sidecar-source' },
}

/**
 * One of our own two programs. Both are built in, which is what `auto` and `bundled` mean; `downloaded` takes the one of
 * the release files, `external` one that the user answers for.
 *
 * @throws OpenworkError `external_not_allowed`, `flags_conflict`, `sidecar_not_found`, `sidecar_not_executable`,
 *   `platform_not_supported`, and what `ensureOwnExecutable` throws
 */
export async function ensureOwnProgram(request: OwnProgramRequest): Promise<FoundOwnProgram> {
  const { program, source, explicitBin, flags = OWN_PROGRAM_FLAGS[program] } = request
  refuseContradictions(request, flags)
  const { baseUrl, manifestUrl } = request.release
  request.debug?.(`looking for ${program}`, {
    source,
    allowExternal: request.allowExternal,
    ...(source === 'downloaded' && {
      sidecarDir: request.sidecarDir,
      baseUrl: shownUrl(baseUrl),
      manifestUrl: shownUrl(manifestUrl),
    }),
  })
  if (explicitBin !== undefined || source === 'external') return await findExternal(request)
  if (source === 'downloaded') return await findDownloaded(request)
  return await findBuiltIn(request)
}

const verified = (
  source: 'bundled' | 'downloaded',
  argv: readonly [string, ...string[]],
  version: string,
  warnings: readonly string[] = [],
): FoundOwnProgram => ({ argv, path: argv[0], source, expectedVersion: version, actualVersion: version, warnings })

/** This executable, unless a separate build of the same version came with it, listed with its hash. */
async function findBuiltIn({
  program,
  builtIn,
  executablePath,
  env,
  sidecarDir,
  signal,
}: OwnProgramRequest): Promise<FoundOwnProgram> {
  const warnings = await findUnusable(env)
  for (const { folder, versionsFile, versions } of await findBundledFolders(executablePath, env)) {
    const listed = versions[program]
    const path = join(folder, process.platform === 'win32' ? `${program}.exe` : program)
    if (listed?.sha256 === undefined || !(await isExecutableFile(path))) continue
    if (listed.version !== VERSION) {
      warnings.push(`${versionsFile} lists ${program} ${listed.version}, this is ${VERSION}: not used`)
      continue
    }
    const { size } = await stat(path)
    const verdict = await new Verifier(sidecarDir).verify(path, [{ file: path, sha256: listed.sha256, size }], signal)
    if (verdict.kind === 'good') return verified('bundled', [path], VERSION, warnings)
    if (verdict.kind === 'different') warnings.push(`${path} ${verdict.problem}: not used`)
  }
  return verified('bundled', builtIn, VERSION, warnings)
}

async function findDownloaded(request: OwnProgramRequest): Promise<FoundOwnProgram> {
  const platform = await findMachine()
  if (platform === undefined)
    throw new OpenworkError('platform_not_supported', `openwork is not built for ${process.platform}-${process.arch}`, {
      hint: 'Leave out --sidecar-source downloaded: the programs are built in.',
    })
  // Schemas, locks and transfers cost milliseconds, and hardly anybody needs them here.
  const { ensureOwnExecutable } = await import('./ensure-own-executable.ts')
  const { path, version, warnings } = await ensureOwnExecutable({ ...request, platform, runsHere: true })
  return verified('downloaded', [path], version, warnings)
}

/** The one named, else the npm package of that name installed beside us, else the name on PATH. */
async function findExternal(request: OwnProgramRequest): Promise<FoundOwnProgram> {
  const { program, explicitBin, executablePath, env, cwd } = request
  const installed = explicitBin === undefined ? await findInstalled(program, executablePath) : undefined
  const flag = OWN_PROGRAM_FLAGS[program].bin
  const path =
    installed ??
    (await findProgram({
      bin: explicitBin ?? program,
      flag: explicitBin === undefined ? undefined : (request.flags?.bin ?? flag),
      env,
      cwd,
      codes: { notFound: 'sidecar_not_found', notExecutable: 'sidecar_not_executable' },
      hint: `Pass its path with ${flag} <path> --allow-external, or leave out --sidecar-source external: it is built in.`,
      isScript,
    }))
  const argv = await scriptCommand(path, { env, cwd })
  return { argv, path, source: 'external', expectedVersion: VERSION, actualVersion: undefined, warnings: [] }
}

/**
 * Above our own executable only: a `node_modules` of the current folder is often the workspace's, in which the agent
 * writes what it likes.
 */
async function findInstalled(program: OwnProgram, executablePath: string): Promise<string | undefined> {
  const start = dirname(await realpath(executablePath).catch(() => executablePath))
  for (let folder = start; ; folder = dirname(folder)) {
    const dist = join(folder, 'node_modules', program, 'dist')
    const binary = join(dist, 'bin', process.platform === 'win32' ? `${program}.exe` : program)
    if (await isExecutableFile(binary)) return binary
    const script = join(dist, 'cli.js')
    if ((await stat(script).catch(() => undefined))?.isFile()) return script
    if (dirname(folder) === folder) return undefined
  }
}
