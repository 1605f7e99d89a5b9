import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { OPENCODE_VERSION } from '../../../src/shared/version.ts'
import { ensureOpencode } from '../../../src/sidecars/find/ensure-opencode.ts'
import { OPENCODE_PINS } from '../../../src/sidecars/pins/opencode-pins.generated.ts'
import { findMachine } from '../../../src/sidecars/pins/target.ts'
import { failure, fakeOpencode, hasEnded, sidecarBox, until, VERSION } from '../kit.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const machine = await findMachine()
/** Whether the builds for this machine are among those that are pinned. */
const isPinned = Object.keys(OPENCODE_PINS.packages).some(name =>
  name.startsWith(`opencode-${machine?.os}-${machine?.arch}`),
)

describe('what may be asked for', () => {
  test.each([
    [{ explicitBin: './mine' }, 'external_not_allowed', '--opencode-bin ./mine'],
    [{ source: 'external' }, 'external_not_allowed', '--opencode-source external'],
    [{ source: 'bundled', explicitBin: './mine', allowExternal: true }, 'flags_conflict', '--opencode-source bundled'],
    [{ source: 'downloaded', explicitBin: 'mine', allowExternal: true }, 'flags_conflict', '--opencode-bin'],
  ] as const)('%o is refused as %s', async (changes, code, named) => {
    await using box = await sidecarBox()
    const error = await failure(box.find(changes))
    expect(error.code).toBe(code)
    expect(error.message).toContain(named)
    expect(error.hint).toBeString()
    expect(existsSync(box.path('sidecars'))).toBe(false)
  })

  test('an unknown build named in the environment is an error, whatever else there is', async () => {
    await using box = await sidecarBox()
    await box.write('app/bin/opencode', box.content, 0o755)
    expect((await failure(box.find({ env: { ...box.env, OPENCODE_ASSET: '../x' } }))).code).toBe('invalid_value')
  })
})

describe('a bundled opencode', () => {
  test.each([
    ['beside the executable', 'app/bin/opencode'],
    ['in sidecars beside the executable', 'app/bin/sidecars/opencode'],
    ['moved into opencode-ai by its install script', 'app/node_modules/opencode-ai/bin/opencode.exe'],
    ['moved there in a folder further up', 'node_modules/opencode-ai/bin/opencode.exe'],
  ])('%s is used', async (_, place) => {
    await using box = await sidecarBox()
    const path = await box.write(place, box.content, 0o755)
    const found = { path, source: 'bundled', expectedVersion: VERSION, actualVersion: VERSION, warnings: [] } as const
    expect(await box.find()).toEqual(found)
    expect(await box.find({ source: 'bundled' })).toEqual(found)
  })

  test('may lie where an application that embeds us says, with a list of versions', async () => {
    await using box = await sidecarBox()
    const path = await box.write('App/bin/opencode', box.content, 0o755)
    const list = await box.write('App/versions.json', JSON.stringify({ opencode: { version: VERSION } }))
    const folders = { OPENWORK_BUNDLED_SIDECAR_DIR: box.path('App', 'bin'), OPENWORK_VERSION_MANIFEST: list }
    const request = { env: { ...box.env, ...folders }, source: 'bundled' } as const
    expect(await box.find(request)).toMatchObject({ path, source: 'bundled', warnings: [] })

    await box.write('App/versions.json', JSON.stringify({ opencode: { version: '1.2.3' } }))
    const { warnings } = await box.find(request)
    expect(warnings).toEqual([`${list} lists opencode 1.2.3: this openwork runs ${VERSION} and no other`])
  })

  test('may lie in the Resources of the application around the executable', async () => {
    await using box = await sidecarBox()
    const path = await box.write('app/Resources/opencode', box.content, 0o755)
    expect((await box.find({ source: 'bundled' })).path).toBe(path)
  })

  test('is looked for where the executable really is, not where a link to it lies', async () => {
    await using box = await sidecarBox()
    await box.write('app/bin/openwork', '')
    const path = await box.write('app/bin/opencode', box.content, 0o755)
    await symlink(box.path('app', 'bin', 'openwork'), box.path('link'))
    expect((await box.find({ executablePath: box.path('link') })).path).toBe(path)
  })

  test('of another content is not used, and said to be so', async () => {
    await using box = await sidecarBox()
    const path = await box.write('app/bin/opencode', fakeOpencode('6.6.6'), 0o755)
    const error = await failure(box.find({ source: 'bundled' }))
    expect(error.code).toBe('sidecar_checksum_mismatch')
    expect(error.message).toContain(`${path} has SHA-256`)
    expect(error.hint).toContain(VERSION)
  })

  test('of a package in another version is told by its version', async () => {
    await using box = await sidecarBox()
    await box.npm({ does: 'hang' })
    const old = fakeOpencode('6.6.6', '#'.repeat(70_000))
    await box.write('node_modules/opencode-ai/bin/opencode.exe', old, 0o755)
    await box.write('node_modules/opencode-ai/package.json', '{"version":"6.6.6"}')
    const error = await failure(box.find({ source: 'bundled' }))
    expect(error.message).toContain(`opencode.exe is opencode 6.6.6, expected ${VERSION}`)
    expect(error.hint).toContain('npm ci')
  })

  test('that may not be run is not used', async () => {
    await using box = await sidecarBox()
    await box.write('app/bin/opencode', box.content, 0o644)
    expect((await failure(box.find({ source: 'bundled' }))).message).toContain('is not executable')
  })

  test('that is the placeholder of an install script not run counts as absent', async () => {
    await using box = await sidecarBox()
    await box.write('node_modules/opencode-ai/bin/opencode.exe', 'not installed', 0o755)
    const error = await failure(box.find({ source: 'bundled' }))
    expect(error.code).toBe('opencode_not_found')
    expect(error.message).toContain(box.path('app', 'bin', 'sidecars', 'opencode'))
  })

  test.skipIf(!isPinned)('is the development dependency when run from this checkout', async () => {
    await using box = await sidecarBox()
    const { sidecarDir, env, cwd } = box.request
    const request = { source: 'bundled', allowExternal: false, sidecarDir, env, cwd } as const
    const found = await ensureOpencode({ ...request, executablePath: join(ROOT, 'src', 'bin', 'openwork.ts') })
    expect(found.path).toStartWith(join(ROOT, 'node_modules'))
    expect(found.source).toBe('bundled')
    expect(found.actualVersion).toBe(OPENCODE_VERSION)
  })

  test('is pinned in the version that this openwork is developed with', () => {
    expect(OPENCODE_PINS.version).toBe(OPENCODE_VERSION)
  })
})

describe('an opencode of the user', () => {
  const allowed = { allowExternal: true } as const

  test('at a path is relative to the folder openwork was started in', async () => {
    await using box = await sidecarBox()
    const path = await box.write('work/tools/mine', box.content, 0o755)
    const found = { path, source: 'external', expectedVersion: VERSION, actualVersion: VERSION, warnings: [] } as const
    expect(await box.find({ ...allowed, explicitBin: 'tools/mine' })).toEqual(found)
    expect(await box.find({ ...allowed, explicitBin: './tools/mine', source: 'external' })).toEqual(found)
    expect(await box.find({ ...allowed, explicitBin: path })).toEqual(found)
  })

  test('comes before a bundled one when named, and is not replaced by it when it is missing', async () => {
    await using box = await sidecarBox()
    await box.write('app/bin/opencode', box.content, 0o755)
    const path = await box.write('work/mine', box.content, 0o755)
    expect((await box.find({ ...allowed, explicitBin: './mine' })).path).toBe(path)
    const error = await failure(box.find({ ...allowed, explicitBin: './absent' }))
    expect(error.code).toBe('opencode_not_found')
    expect(error.message).toContain(box.path('work', 'absent'))
  })

  test('is looked for on PATH by name, where relative entries do not count', async () => {
    await using box = await sidecarBox()
    await box.write('work/opencode', fakeOpencode('6.6.6'), 0o755)
    await box.write('work/bin/opencode', fakeOpencode('6.6.6'), 0o755)
    const path = await box.write('path/opencode', box.content, 0o755)
    const env = { ...box.env, PATH: `.:bin::${box.env.PATH}` }
    expect((await box.find({ ...allowed, env, source: 'external' })).path).toBe(path)
    const error = await failure(box.find({ ...allowed, explicitBin: 'no-such-opencode' }))
    expect(error.code).toBe('opencode_not_found')
    expect(error.message).toContain('no-such-opencode')
  })

  test('of another version is used with a warning', async () => {
    await using box = await sidecarBox()
    await box.write('work/mine', fakeOpencode('6.6.6-beta.1'), 0o755)
    const found = await box.find({ ...allowed, explicitBin: './mine' })
    expect(found.actualVersion).toBe('6.6.6-beta.1')
    expect(found.warnings).toEqual([
      `${box.path('work', 'mine')} is opencode 6.6.6-beta.1, openwork is made for ${VERSION}`,
    ])
  })

  test.each([
    ['says no version', 'echo hello; exit 0', 'answered --version with exit code 0', 10_000],
    ['fails', 'echo broken >&2; exit 3', 'answered --version with exit code 3 and "broken"', 10_000],
    ['dies', 'kill -9 $$', 'was ended by SIGKILL', 10_000],
    ['never answers', 'exec sleep 60', 'gave no answer to --version within 0.2 s', 200],
  ])('that %s is used with a warning', async (_, script, problem, probeMs) => {
    await using box = await sidecarBox()
    await box.write('work/mine', `#!/bin/sh\n${script}\n`, 0o755)
    const found = await box.find({ ...allowed, explicitBin: './mine', limits: { probeMs } })
    expect(found.actualVersion).toBeUndefined()
    expect(found.warnings.join()).toContain(problem)
  })

  test.each([
    ['a folder', 'tools', 0o755, 'is not a file'],
    ['a file that is not executable', 'tools/mine', 0o644, 'is not executable'],
    ['a text', 'tools/mine', 0o755, 'is not a program for this system'],
  ])('that is %s cannot be used', async (_, explicitBin, mode, problem) => {
    await using box = await sidecarBox()
    await box.write('work/tools/mine', 'just text\n', mode)
    const error = await failure(box.find({ ...allowed, explicitBin: `./${explicitBin}` }))
    expect(error.code).toBe('opencode_not_executable')
    expect(error.message).toContain(problem)
    expect(error.hint).toBeString()
  })

  test('that is meant for another machine is not run', async () => {
    await using box = await sidecarBox()
    const path = await box.write('work/mine', fakeOpencode('1.0.0', `touch '${box.path('was-run')}'`), 0o755)
    const machine = { os: 'linux', arch: 'arm64', avx2: false, musl: true } as const
    const found = await box.find({ explicitBin: './mine', allowExternal: true, machine })
    expect(found).toMatchObject({ path, source: 'external', actualVersion: undefined, warnings: [] })
    expect(existsSync(box.path('was-run'))).toBe(false)
  })

  test('whose interpreter is missing cannot be used', async () => {
    await using box = await sidecarBox()
    await box.write('work/mine', '#!/no/such/interpreter\n', 0o755)
    const error = await failure(box.find({ ...allowed, explicitBin: './mine' }))
    expect(error.code).toBe('opencode_not_executable')
    expect(error.message).toContain('interpreter or dynamic loader')
  })

  test('is asked for its version once, until it changes', async () => {
    await using box = await sidecarBox()
    const note = (version: string) => fakeOpencode(version, `echo asked >> '${box.path('asked')}'`)
    const asked = async () => (await readFile(box.path('asked'), 'utf8')).trim().split('\n').length
    const find = () => box.find({ ...allowed, explicitBin: './mine' })
    await box.write('work/mine', note(VERSION), 0o755)
    await find()
    expect((await find()).actualVersion).toBe(VERSION)
    expect(await asked()).toBe(1)

    await box.write('work/mine', note('6.6.6'), 0o755)

    expect((await find()).actualVersion).toBe('6.6.6')
    expect(await asked()).toBe(2)
  })

  test('is asked in a home that is not the user’s, without their secrets, and nothing of it stays', async () => {
    await using box = await sidecarBox()
    const script = `mkdir -p "$HOME/.local/share/opencode"; env > '${box.path('seen')}'`
    await box.write('work/mine', fakeOpencode(VERSION, script), 0o755)
    const env = { ...box.env, OPENWORK_HOST_TOKEN: 'hidden-value', XDG_DATA_HOME: box.path('home'), BUN_OPTIONS: '-x' }
    await box.find({ ...allowed, env, explicitBin: './mine' })

    const seen = await readFile(box.path('seen'), 'utf8')
    expect(seen).not.toContain('hidden-value')
    expect(seen).not.toContain('BUN_OPTIONS')
    expect(seen).not.toContain(box.path('home'))
    const home = /^HOME=(.*)$/m.exec(seen)?.[1]
    expect(home).toContain('openwork-probe-')
    expect(existsSync(home ?? '')).toBe(false)
  })

  test('that is being asked when the start is interrupted leaves nothing running behind', async () => {
    await using box = await sidecarBox()
    const note = `echo $! $$ > '${box.path('part')}'; mv '${box.path('part')}' '${box.path('pids')}'`
    await box.write('work/mine', `#!/bin/sh\nsleep 60 &\n${note}\nwait\n`, 0o755)
    const interrupted = new AbortController()
    const find = box.find({ ...allowed, explicitBin: './mine', signal: interrupted.signal })
    const outcome = find.catch((error: unknown) => error)
    const pids = await until(async () => existsSync(box.path('pids')) && (await readFile(box.path('pids'), 'utf8')))
    const reason = new Error('stop')

    interrupted.abort(reason)

    expect(await outcome).toBe(reason)
    for (const pid of pids.split(' ')) expect(await until(async () => hasEnded(Number(pid)))).toBe(true)
  })

  test('is the last resort when it may be and nothing verified can be had', async () => {
    await using box = await sidecarBox()
    await box.npm({ does: 'fail', exitCode: 1, stderr: 'npm error network is down\n' })
    const path = await box.write('path/opencode', box.content, 0o755)
    const found = await box.find(allowed)
    expect(found).toMatchObject({ path, source: 'external' })
    expect(found.warnings.join()).toMatch(/network is down; one that is installed here is used instead/)
    await chmod(path, 0o644)
    const error = await failure(box.find(allowed))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toMatch(/^No opencode .* to run: bundled: none; .*network is down; external: .*PATH$/)
  })
})
