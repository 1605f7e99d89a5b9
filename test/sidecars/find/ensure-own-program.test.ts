import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VERSION } from '../../../src/shared/version.ts'
import { listedEntryPath } from '../../../src/sidecars/cache/cache-layout.ts'
import { ensureOwnExecutable, type OwnExecutableRequest } from '../../../src/sidecars/find/ensure-own-executable.ts'
import { ensureOwnProgram, type OwnProgramRequest } from '../../../src/sidecars/find/ensure-own-program.ts'
import { findMachine } from '../../../src/sidecars/pins/target.ts'
import {
  anew,
  executableAsset,
  MANIFEST_FILE,
  type Platform,
  platformName,
} from '../../../src/sidecars/release/release.ts'
import { good, status } from '../../fixtures/mirror.ts'
import { failure, sha256, sidecarBox } from '../kit.ts'

type Box = Awaited<ReturnType<typeof sidecarBox>>

const HERE: Platform = await findMachine().then(machine => machine ?? { os: 'linux', arch: 'x64', musl: false })
const ELSEWHERE = { os: 'windows', arch: 'arm64', musl: false } as const
const BUILT_IN = ['/built/in', 'openwork-server'] as const

const request = (box: Box): OwnProgramRequest => ({
  ...box.request,
  program: 'openwork-server',
  builtIn: BUILT_IN,
})
const find = (box: Box, changes: Partial<OwnProgramRequest> = {}) => ensureOwnProgram({ ...request(box), ...changes })
const external = { source: 'external', allowExternal: true } as const

/** A release whose executable for this platform has this content. */
function release(box: Box, content: string, { platform = HERE, version = VERSION, sha = sha256(content) } = {}) {
  const bytes = new TextEncoder().encode(content)
  const file = { asset: executableAsset(platform), sha256: sha, size: bytes.length }
  const entries = { openwork: { version, targets: { [platformName(platform)]: file } } }
  box.mirror.set(`/${MANIFEST_FILE}`, good(new TextEncoder().encode(JSON.stringify({ version, entries }))))
  box.mirror.set(`/${file.asset}`, good(bytes))
}

const program = (version: string): string => `#!/bin/sh\necho ${version}\n`

describe('openwork-server by default', () => {
  test.each(['auto', 'bundled'] as const)('is the one built in with source %s', async source => {
    await using box = await sidecarBox()
    expect(await find(box, { source, allowExternal: true })).toEqual({
      argv: BUILT_IN,
      path: BUILT_IN[0],
      source: 'bundled',
      expectedVersion: VERSION,
      actualVersion: VERSION,
      warnings: [],
    })
    expect(box.mirror.requests).toEqual([])
  })

  const bundle = async (box: Box, entry: object) => {
    await box.write('bundle/versions.json', JSON.stringify({ 'openwork-server': entry }))
    const path = await box.write('bundle/openwork-server', program(VERSION), 0o755)
    return { path, env: { ...box.env, OPENWORK_BUNDLED_SIDECAR_DIR: box.path('bundle') } }
  }

  test('is a separate build that came with us, when it is listed with its hash', async () => {
    await using box = await sidecarBox()
    const { path, env } = await bundle(box, { version: VERSION, sha256: sha256(program(VERSION)) })
    expect(await find(box, { env })).toMatchObject({ argv: [path], source: 'bundled', warnings: [] })
  })

  test.each([
    ['another content', { version: VERSION, sha256: '0'.repeat(64) }, 'has SHA-256'],
    ['another version', { version: '0.0.1', sha256: sha256(program(VERSION)) }, 'lists openwork-server 0.0.1'],
  ])('is not one that is listed with %s, which is said', async (_, entry, warning) => {
    await using box = await sidecarBox()
    const { env } = await bundle(box, entry)
    const found = await find(box, { env })
    expect(found.argv).toEqual(BUILT_IN)
    expect(found.warnings.join()).toContain(warning)
  })

  test('is not one without a hash, nor one in a folder named by a relative path', async () => {
    await using box = await sidecarBox()
    const { env } = await bundle(box, { version: VERSION })
    expect((await find(box, { env })).argv).toEqual(BUILT_IN)
    await bundle(box, { version: VERSION, sha256: sha256(program(VERSION)) })
    const relative = { ...box.env, OPENWORK_BUNDLED_SIDECAR_DIR: 'bundle' }
    const found = await find(box, { env: relative, cwd: box.path() })
    expect(found.argv).toEqual(BUILT_IN)
    expect(found.warnings).toEqual(['OPENWORK_BUNDLED_SIDECAR_DIR=bundle must be absolute: not used'])
  })

  test('is looked for where a variable says, and a place that is not there is told', async () => {
    await using box = await sidecarBox()
    const missing = box.path('gone', 'versions.json')
    const { argv, warnings } = await find(box, { env: { ...box.env, OPENWORK_VERSION_MANIFEST: missing } })
    expect(argv).toEqual(BUILT_IN)
    expect(warnings).toEqual([`OPENWORK_VERSION_MANIFEST=${missing} does not exist: not used`])
  })
})

describe('an openwork-server of the user', () => {
  test.each([
    [{ explicitBin: './mine' }, 'external_not_allowed', '--openwork-server-bin ./mine'],
    [
      { explicitBin: './mine', flags: { bin: 'OPENWORK_SERVER_BIN', source: '--sidecar-source' } },
      'external_not_allowed',
      'OPENWORK_SERVER_BIN=./mine names a program',
    ],
    [{ source: 'external' }, 'external_not_allowed', '--sidecar-source external'],
    [
      { source: 'downloaded', explicitBin: 'mine', allowExternal: true },
      'flags_conflict',
      '--sidecar-source downloaded',
    ],
    [{ source: 'bundled', explicitBin: 'mine', allowExternal: true }, 'flags_conflict', '--openwork-server-bin'],
    [
      { ...external, explicitBin: './missing' },
      'sidecar_not_found',
      '--openwork-server-bin ./missing: there is no file',
    ],
    [external, 'sidecar_not_found', 'no program openwork-server on PATH'],
  ] as const)('%o is refused as %s', async (changes, code, said) => {
    await using box = await sidecarBox()
    const error = await failure(find(box, { env: { PATH: box.path('path') }, ...changes }))
    expect(error.code).toBe(code)
    expect(error.message).toContain(said)
    expect(error.hint).toBeString()
  })

  test('at a path is relative to the folder openwork was started in', async () => {
    await using box = await sidecarBox()
    const path = await box.write('work/mine', program('9.9.9'), 0o755)
    expect(await find(box, { explicitBin: './mine', allowExternal: true })).toEqual({
      argv: [path],
      path,
      source: 'external',
      expectedVersion: VERSION,
      actualVersion: undefined,
      warnings: [],
    })
  })

  test('is the npm package beside us before the one on PATH, and never that of the current folder', async () => {
    await using box = await sidecarBox()
    const onPath = await box.write('path/openwork-server', program('1.0.0'), 0o755)
    await box.write('work/node_modules/openwork-server/dist/bin/openwork-server', program('1.0.0'), 0o755)
    expect((await find(box, external)).path).toBe(onPath)
    const installed = await box.write(
      'app/node_modules/openwork-server/dist/bin/openwork-server',
      program('1.0.0'),
      0o755,
    )
    expect((await find(box, external)).path).toBe(installed)
  })

  test('that is a script is run by what it is written for, which the workspace cannot configure', async () => {
    await using box = await sidecarBox()
    const bun = await box.write('path/bun', '#!/bin/sh\n', 0o755)
    const node = await box.write('path/node', '#!/bin/sh\n', 0o755)
    for (const name of ['a.ts', 'a.js', 'openwork-server/dist/cli.js']) await box.write(`work/${name}`, '')
    const argv = async (explicitBin: string) => (await find(box, { ...external, explicitBin })).argv
    const guarded = (tsconfig: string, path: string) => [
      bun,
      '--no-env-file',
      '--config=/dev/null',
      `--tsconfig-override=${tsconfig}`,
      '--no-install',
      path,
    ]
    const cli = 'openwork-server/dist/cli.js'
    expect(await argv('./a.js')).toEqual([node, box.path('work', 'a.js')])
    expect([...(await argv('./a.ts'))]).toEqual(guarded('/dev/null', box.path('work', 'a.ts')))
    const tsconfig = await box.write('work/openwork-server/tsconfig.json', '{}')
    expect([...(await argv(`./${cli}`))]).toEqual(guarded(tsconfig, box.path('work', cli)))
  })

  test('that is a script without its interpreter is said to be so', async () => {
    await using box = await sidecarBox()
    await box.write('work/a.ts', '')
    const error = await failure(find(box, { ...external, explicitBin: './a.ts', env: { PATH: box.path('path') } }))
    expect(error.code).toBe('sidecar_not_found')
    expect(error.hint).toContain('a.ts is run by bun')
  })
})

describe('our executable from the release files', () => {
  const fetch = (box: Box, changes: Partial<OwnExecutableRequest> = {}) =>
    ensureOwnExecutable({ ...request(box), platform: HERE, runsHere: true, ...changes })

  test('is kept under its own name and linked under that of the program', async () => {
    await using box = await sidecarBox()
    release(box, program(VERSION))
    const { path, version } = await fetch(box)
    expect(version).toBe(VERSION)
    expect(path).toBe(box.path('sidecars', VERSION, platformName(HERE), 'openwork-server'))
    expect((await stat(path)).ino).toBe((await stat(join(dirname(path), 'openwork'))).ino)
    expect((await fetch(box)).path).toBe(path)
    expect(box.mirror.requestsOf(`/${executableAsset(HERE)}`)).toHaveLength(1)
  })

  test('is fetched anew when somebody changed it', async () => {
    await using box = await sidecarBox()
    release(box, program(VERSION))
    const { path } = await fetch(box)
    await box.write(path.slice(box.path().length + 1), 'changed', 0o755)
    expect(await readFile((await fetch(box)).path, 'utf8')).toBe(program(VERSION))
  })

  const unreachable = (box: Box) => box.mirror.set(`/${MANIFEST_FILE}`, status(404))

  test('is used while its manifest cannot be reached, as long as it is what that listed', async () => {
    await using box = await sidecarBox()
    release(box, program(VERSION))
    const { path } = await fetch(box)
    const kept = listedEntryPath(path)
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await readFile(kept, 'utf8'))).toEqual({
      version: VERSION,
      sha256: sha256(program(VERSION)),
      size: program(VERSION).length,
      url: box.mirror.url(`/${executableAsset(HERE)}`),
      manifestUrl: box.mirror.url(`/${MANIFEST_FILE}`),
    })
    unreachable(box)

    const again = await fetch(box, { release: anew(box.request.release) })

    expect(again).toMatchObject({ path, version: VERSION })
    expect(again.warnings.join()).toContain(`${box.mirror.url(`/${MANIFEST_FILE}`)}: HTTP 404`)
    expect(again.warnings.join()).toContain(`openwork-server ${VERSION}, which it listed before, is used`)

    await box.write(path.slice(box.path().length + 1), 'changed', 0o755)
    expect((await failure(fetch(box, { release: anew(box.request.release) }))).code).toBe('sidecar_download_failed')
  })

  test('is of our own version where several are kept, else the newest, and that one is said to be newer', async () => {
    await using box = await sidecarBox()
    const keep = async (version: string): Promise<void> => {
      release(box, program(version), { version })
      await fetch(box, { release: anew(box.request.release) })
    }
    const used = async () => {
      unreachable(box)
      const { version, warnings } = await fetch(box, { release: anew(box.request.release) })
      return { version, said: warnings.join() }
    }
    for (const version of ['999.0.0', '0.0.1']) await keep(version)
    const newer = await used()
    expect(newer.version).toBe('999.0.0')
    expect(newer.said).toContain(
      `openwork-server 999.0.0, which it listed before and which is newer than this openwork ${VERSION}, is`,
    )

    await keep(VERSION)
    const ours = await used()
    expect(ours.version).toBe(VERSION)
    expect(ours.said).not.toContain('newer')
  })

  test('that another manifest listed is not taken in its place', async () => {
    await using box = await sidecarBox()
    release(box, program(VERSION))
    await fetch(box)
    const elsewhere = { ...box.request.release, manifestUrl: box.mirror.url('/other.json') }
    expect((await failure(fetch(box, { release: elsewhere }))).code).toBe('sidecar_download_failed')
  })

  test('is not taken as listed by a file that others could have written', async () => {
    await using box = await sidecarBox()
    release(box, program(VERSION))
    const { path } = await fetch(box)
    await chmod(listedEntryPath(path), 0o666)
    unreachable(box)
    const error = await failure(fetch(box, { release: anew(box.request.release) }))
    expect(error.code).toBe('sidecar_download_failed')
  })

  test('of a newer release is noticed when the manifest is read anew, not before', async () => {
    await using box = await sidecarBox()
    const place = box.request.release
    release(box, program('1.0.0'), { version: '1.0.0' })
    expect((await fetch(box, { release: place })).version).toBe('1.0.0')
    release(box, program('1.0.1'), { version: '1.0.1' })
    expect((await fetch(box, { release: place })).version).toBe('1.0.0')
    expect((await fetch(box, { release: anew(place) })).version).toBe('1.0.1')
  })

  test('for another platform is fetched and not run', async () => {
    await using box = await sidecarBox()
    release(box, `#!/bin/sh\ntouch '${box.path('was-run')}'\n`, { platform: ELSEWHERE })
    const { path } = await fetch(box, { platform: ELSEWHERE, runsHere: false })
    expect(path).toBe(box.path('sidecars', VERSION, 'windows-arm64', 'openwork-server.exe'))
    expect(existsSync(box.path('was-run'))).toBe(false)
  })

  test.each([
    ['has another content than is listed', program(VERSION), { sha: '0'.repeat(64) }, 'sidecar_checksum_mismatch'],
    ['says it is another version', program('0.0.1'), {}, 'sidecar_version_mismatch'],
    ['does not run', '#!/bin/sh\nexit 3\n', {}, 'sidecar_not_executable'],
    ['is listed under a version that is none', program(VERSION), { version: '../../up' }, 'sidecar_manifest_invalid'],
  ] as const)('is refused when it %s', async (_, content, options, code) => {
    await using box = await sidecarBox()
    release(box, content, options)
    const error = await failure(fetch(box))
    expect(error.code).toBe(code)
    expect(error.hint).toContain('--sidecar-')
    expect(existsSync(box.path('sidecars', VERSION, platformName(HERE), 'openwork'))).toBe(false)
  })

  test('is not fetched into a folder of downloads that others could change', async () => {
    await using box = await sidecarBox()
    release(box, `#!/bin/sh\ntouch '${box.path('was-run')}'\necho ${VERSION}\n`)
    const downloads = box.path('sidecars', 'downloads')
    await mkdir(downloads, { recursive: true })
    await chmod(downloads, 0o777)
    const error = await failure(fetch(box))
    expect(error.code).toBe('sidecar_dir_unusable')
    expect(error.message).toStartWith(`${downloads} cannot hold sidecars: it may be written by every user`)
    expect(box.mirror.requestsOf(`/${executableAsset(HERE)}`)).toHaveLength(0)
    expect(existsSync(box.path('was-run'))).toBe(false)
  })

  test('is not run by a link to it from the folder of downloads', async () => {
    await using box = await sidecarBox()
    const content = `#!/bin/sh\ntouch '${box.path('was-run')}'\necho ${VERSION}\n`
    release(box, content)
    const downloads = box.path('sidecars', 'downloads')
    await mkdir(downloads, { recursive: true, mode: 0o700 })
    const elsewhere = await box.write('elsewhere', content)
    await symlink(elsewhere, join(downloads, `openwork-${platformName(HERE)}-${VERSION}`))
    const error = await failure(fetch(box))
    expect(error.code).toBe('sidecar_checksum_mismatch')
    expect(error.message).toContain('changed while it was put in place')
    expect(existsSync(box.path('was-run'))).toBe(false)
    expect((await stat(elsewhere)).mode & 0o777).toBe(0o644)
  })

  test('is not taken from a manifest that came over plain http from elsewhere', async () => {
    await using box = await sidecarBox()
    const place = { baseUrl: 'http://mirror.invalid', manifestUrl: 'http://mirror.invalid/m.json', named: [] }
    const error = await failure(fetch(box, { release: place }))
    expect(error.message).toContain('http:// is allowed for this machine alone')
  })
})
