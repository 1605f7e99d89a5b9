import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { isExecutableFile } from '../../shared/find-on-path.ts'
import { readPlainFile } from '../../shared/plain-file.ts'
import type { OpencodePin, OpencodePins } from '../pins/opencode-pins.ts'
import type { Target } from '../pins/target.ts'
import type { Verdict, Verifier } from '../verify/verify.ts'
import { findBundledFolders } from './bundled-folders.ts'
import { buildsFor } from './opencode-builds.ts'

/** A file that was looked at and not taken. */
export type Rejected = {
  readonly path: string
  /** Follows the path in a sentence. Undefined when nothing is there. */
  readonly problem: string | undefined
  /** In the release's own folders, where a wrong file is worth a warning; not in some `node_modules` above it. */
  readonly isOurs: boolean
}

export type BundledOptions = {
  target: Target
  pins: OpencodePins
  verifier: Verifier
  /** Where an application that embeds us says that more folders are. Default: nowhere. */
  env?: Readonly<Record<string, string | undefined>>
  signal: AbortSignal | undefined
}

export type Bundled = {
  readonly path: string | undefined
  readonly rejected: readonly Rejected[]
  /** What a `versions.json` says of opencode, where it is wrong. The hash decides all the same. */
  readonly warnings: readonly string[]
}

type Candidate = { path: string; pins: readonly OpencodePin[]; isOurs: boolean }

/** opencode-ai holds a text of some 450 bytes in the place of its binary until its install script has run. */
const MAX_STUB_BYTES = 64 * 1024
const MAX_PACKAGE_BYTES = 1024 * 1024

/**
 * The opencode that came with this program: in one of its folders (see `findBundledFolders`), else the development
 * dependency of the checkout that the executable was built or is run in. Only a pinned binary counts.
 */
export async function findBundled(
  executablePath: string,
  { target, pins, verifier, env = {}, signal }: BundledOptions,
): Promise<Bundled> {
  const folders = await findBundledFolders(executablePath, env)
  const warnings = folders.flatMap(({ versions: { opencode }, versionsFile }) =>
    opencode === undefined || opencode.version === pins.version
      ? []
      : [`${versionsFile} lists opencode ${opencode.version}: this openwork runs ${pins.version} and no other`],
  )
  const rejected: Rejected[] = []
  const places = folders.map(({ folder }) => folder)
  for (const { path, pins: allowed, isOurs } of candidates(places, target, pins)) {
    if (!isOurs && (await isStub(path, allowed))) continue
    const verdict = await verifier.verify(path, allowed, signal)
    if (verdict.kind === 'good' && (await isExecutableFile(path))) return { path, rejected, warnings }
    rejected.push({ path, problem: await whyNot(path, verdict, pins.version), isOurs })
  }
  return { path: undefined, rejected, warnings }
}

function candidates(folders: readonly string[], target: Target, pins: OpencodePins): Candidate[] {
  const builds = buildsFor(target, pins)
  const allPins = builds.map(({ pin }) => pin)
  const files = [...new Set(allPins.map(pin => pin.file))]
  const beside = folders.flatMap(place => files.map(file => ({ path: join(place, file), pins: allPins, isOurs: true })))
  const dependencies = folders
    .slice(0, 1)
    .flatMap(ancestors)
    .flatMap(place => [
      ...builds.map(({ name, pin }) => ({
        path: join(place, 'node_modules', name, 'bin', pin.file),
        pins: [pin],
        isOurs: false,
      })),
      // Its install script moves the binary here, under this name on every system.
      { path: join(place, 'node_modules', 'opencode-ai', 'bin', 'opencode.exe'), pins: allPins, isOurs: false },
    ])
  return [...beside, ...dependencies]
}

/** The folder itself and everything above it. */
function ancestors(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...ancestors(above)]
}

async function isStub(path: string, allowed: readonly OpencodePin[]): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.size > MAX_STUB_BYTES) return false
  return !allowed.some(pin => pin.size === found.size)
}

async function whyNot(path: string, verdict: Verdict, expectedVersion: string): Promise<string | undefined> {
  switch (verdict.kind) {
    case 'good':
      return 'is not executable'
    case 'missing':
      return undefined
    case 'different':
      return (await otherVersion(path, expectedVersion)) ?? verdict.problem
  }
}

/** For a file in a package of another version: a clearer reason than its hash. */
async function otherVersion(path: string, expected: string): Promise<string | undefined> {
  try {
    const { version } = JSON.parse(
      await readPlainFile(join(dirname(path), '..', 'package.json'), { maxBytes: MAX_PACKAGE_BYTES }),
    )
    return typeof version === 'string' && version !== expected
      ? `is opencode ${version}, expected ${expected}`
      : undefined
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) !== undefined) return undefined
    throw error
  }
}
