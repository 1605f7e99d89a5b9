import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { appendFile, chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'fflate'
import { createTar } from 'nanotar'
import { OpenworkError } from '../../src/shared/errors.ts'
import { ensureOpencode, type OpencodeRequest } from '../../src/sidecars/find/ensure-opencode.ts'
import type { OpencodePins } from '../../src/sidecars/pins/opencode-pins.ts'
import { MANIFEST_FILE } from '../../src/sidecars/release/release.ts'
import type { NpmCall, NpmScenario } from '../fixtures/fake-npm.ts'
import { startMirror } from '../fixtures/mirror.ts'

export const VERSION = '7.8.9'

/** Every build there is, so that the tests do not depend on the machine they run on. */
const PACKAGES = ['linux', 'darwin', 'windows'].flatMap(os =>
  ['x64', 'x64-baseline', 'arm64'].flatMap(build => ['', '-musl'].map(libc => `opencode-${os}-${build}${libc}`)),
)

/** A small program in the place of opencode's 180 MB. `script` runs before it prints its version. */
export const fakeOpencode = (version = VERSION, script = ''): string => `#!/bin/sh\n${script}\necho ${version}\n`

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** Pins under which this content is opencode on every machine. */
export const pinsOf = (content: string): OpencodePins => ({
  version: VERSION,
  packages: Object.fromEntries(
    PACKAGES.map(name => [name, { file: 'opencode', sha256: sha256(content), size: Buffer.byteLength(content) }]),
  ),
})

/** A package as npm packs it. */
export const packed = (content: string): Uint8Array =>
  gzipSync(
    createTar([
      { name: 'package/package.json', data: '{}' },
      { name: 'package/bin/opencode', data: content, attrs: { mode: '755' } },
    ]),
  )

/** A temporary folder with a stand-in npm on its PATH and a mirror without any files: a request finds nothing yet. */
export async function sidecarBox() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'openwork-sidecars-')))
  const path = (...parts: string[]): string => join(folder, ...parts)
  const write = async (name: string, content: string | Uint8Array, mode = 0o644): Promise<string> => {
    await mkdir(dirname(path(name)), { recursive: true })
    await writeFile(path(name), content)
    await chmod(path(name), mode)
    return path(name)
  }
  const env = { PATH: `${path('path')}:/usr/bin:/bin`, HOME: path('home') }
  const content = fakeOpencode()
  const mirror = await startMirror()
  const request = {
    source: 'auto',
    allowExternal: false,
    executablePath: path('app', 'bin', 'openwork'),
    sidecarDir: path('sidecars'),
    env,
    cwd: path('work'),
    release: { baseUrl: mirror.origin, manifestUrl: mirror.url(`/${MANIFEST_FILE}`), named: [] },
    opencodeReleases: mirror.url('/opencode'),
    limits: { transfer: { attempts: 1 } },
    pins: pinsOf(content),
  } satisfies OpencodeRequest
  await mkdir(path('work'))
  await mkdir(path('home'))
  return {
    content,
    env,
    /** Of our releases, and below `/opencode` of opencode's. */
    mirror,
    path,
    write,
    request,
    find: (changes: Partial<OpencodeRequest> = {}) => ensureOpencode({ ...request, ...changes }),
    /** From now on `npm` does this. */
    npm: async (scenario: NpmScenario): Promise<void> => {
      const scenarioFile = await write('npm-scenario.json', JSON.stringify(scenario))
      await appendFile(path('npm-calls'), '')
      const program = join(import.meta.dirname, '..', 'fixtures', 'fake-npm.ts')
      const words = [process.execPath, program, scenarioFile, path('npm-calls')]
      await write('path/npm', `#!/bin/sh\nexec ${words.map(word => `'${word}'`).join(' ')} "$@"\n`, 0o755)
    },
    /** What `npm` was asked so far. */
    npmCalls: async (): Promise<NpmCall[]> => {
      const lines = (await readFile(path('npm-calls'), 'utf8')).split('\n').filter(Boolean)
      return lines.map(line => JSON.parse(line))
    },
    [Symbol.asyncDispose]: async () => {
      await mirror.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The coded error that this ends in. */
export async function failure(promise: Promise<unknown>): Promise<OpenworkError> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof OpenworkError) return outcome.error
  if ('error' in outcome) throw outcome.error
  throw new Error(`expected a failure, got ${JSON.stringify(outcome.value)}`)
}

/** Resolves when the condition holds; the test's own time limit ends the wait. */
export async function until<Value>(condition: () => Promise<Value | undefined | false>): Promise<Value> {
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    await Bun.sleep(10)
  }
}

/** Also of a process that has ended and that nobody has asked about yet. */
export const hasEnded = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // Elsewhere than on Linux the first process of the system collects orphans at once.
    return process.platform === 'linux' && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true // gone, perhaps between the two looks
  }
}
