// scripts/install.sh under every shell and downloader that is here, against a mirror on loopback.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { renderInstaller } from '../../build/release/installer.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { executableAsset } from '../../src/sidecars/release/release.ts'
import {
  type Answer,
  good,
  inTurn,
  type Mirror,
  redirect,
  stalled,
  startMirror,
  status,
  truncated,
} from '../fixtures/mirror.ts'

const SCRIPT = await readFile(join(import.meta.dir, '..', '..', 'scripts', 'install.sh'), 'utf8')
const LIMIT_MS = 20_000
const NAMES = ['opencode-router', 'openwork', 'openwork-orchestrator', 'openwork-server']
/** All that the script calls, but for what downloads. */
const TOOLS = 'cat chmod find ln mkdir mktemp mv readlink rm sh sha256sum shasum uname'.split(' ')

const machine = await findMachine()
const ASSET = machine && machine.os !== 'windows' ? executableAsset(machine) : undefined
const noShell = ASSET === undefined ? `there is no installer for ${process.platform}-${process.arch}` : undefined

/** Something that is as good as openwork to the installer: it tells its version. */
const program = (version = VERSION): Uint8Array =>
  new TextEncoder().encode(`#!/bin/sh\necho ${version}\nexit 0\n${'# padding\n'.repeat(50_000)}`)
const PROGRAM = program()
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const sums = (bytes: Uint8Array): Uint8Array =>
  new TextEncoder().encode(`${'0'.repeat(64)}  other-file\n${sha256(bytes)}  ${ASSET}\n`)

type Setting = { shell: readonly string[]; path: string }
let folder: string
const settings = new Map<string, Setting>()

/** A PATH with nothing but the named programs. `busybox` is all of them. */
async function toolbox(name: string, tools: readonly string[], busybox?: string): Promise<string> {
  const path = join(folder, 'tools', name)
  await mkdir(path, { recursive: true })
  for (const tool of tools) {
    const program = busybox ?? Bun.which(tool)
    if (program) await symlink(program, join(path, tool))
  }
  return path
}

const has = (program: string): boolean => Bun.which(program) !== null
const SHELLS = ['dash', 'bash'].filter(has)
const CASES = [
  ...SHELLS.flatMap(shell => ['curl', 'wget'].filter(has).map(downloader => ({ shell, downloader }))),
  ...(has('busybox') ? [{ shell: 'busybox', downloader: 'wget' }] : []),
].map(({ shell, downloader }) => ({ name: `${shell} with ${downloader} only`, shell, downloader }))
for (const missing of ['dash', 'bash', 'busybox', 'curl', 'wget'].filter(each => !has(each)))
  test.skip(`the installer with ${missing}: it is not installed here`, () => {})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-install-'))
  for (const { name, shell, downloader } of CASES) {
    const busybox = shell === 'busybox' ? (Bun.which('busybox') ?? undefined) : undefined
    const path = await toolbox(name, [...TOOLS, downloader], busybox)
    settings.set(name, { shell: busybox ? [busybox, 'sh'] : [Bun.which(shell) ?? shell], path })
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

const anySetting = (): Setting => [...settings.values()][0] ?? { shell: ['/bin/sh'], path: process.env.PATH ?? '' }

type Run = { args?: string[]; script?: string; setting?: Setting; env?: Record<string, string> }

/** The script as people run it: on the standard input of a shell, with a home of its own. */
async function install(
  mirror: Mirror | undefined,
  { args = [], script = SCRIPT, setting = anySetting(), env }: Run = {},
) {
  const home = await mkdtemp(join(folder, 'home-'))
  const child = Bun.spawn([...setting.shell, '-s', '--', ...args], {
    cwd: home,
    env: {
      PATH: setting.path,
      HOME: home,
      http_proxy: 'http://127.0.0.1:9', // nobody: this machine itself is never asked through a proxy
      ...(mirror && { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: `${mirror.origin}/release/` }),
      ...env,
    },
    stdin: new Blob([script]),
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true, // with a process group of its own, as a terminal gives it
    timeout: LIMIT_MS,
  })
  const ended = async () => {
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
    return { code: await child.exited, stdout, stderr }
  }
  return { bin: join(home, '.local', 'bin'), home, pid: child.pid, ended: ended() }
}

const release = (answer: Answer, hashed: Uint8Array = PROGRAM): Record<string, Answer> => ({
  [`/release/${ASSET}`]: answer,
  '/release/SHA256SUMS': good(sums(hashed)),
})

const filesIn = (path: string): Promise<string[]> => readdir(path).then(names => names.sort())

describe.skipIf(noShell !== undefined)(`the installer${noShell ? `: ${noShell}` : ''}`, () => {
  describe.each(CASES)('under $name', ({ name }) => {
    test('installs the release under all its names', async () => {
      await using mirror = await startMirror(release(good(PROGRAM)))
      const { bin, ended } = await install(mirror, { setting: settings.get(name) ?? anySetting() })
      const { code, stdout, stderr } = await ended

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`Installed openwork ${VERSION} in ${bin}`)
      expect(stdout).toContain(`${bin} is not in your PATH`)
      expect(stdout).toContain(`Next, in the folder to host: ${bin}/openwork start\n`)
      expect(stdout).toContain(`To remove it: rm -f '${bin}/openwork' `)
      expect(stdout).toContain(` '${bin}/openwork.previous'\n`)
      expect(stdout).toContain('is in ~/.openwork\n')
      expect(await filesIn(bin)).toEqual(NAMES)
      expect(sha256(await readFile(join(bin, 'openwork')))).toBe(sha256(PROGRAM))
      for (const each of NAMES) expect(Bun.spawnSync([join(bin, each)]).stdout.toString()).toBe(`${VERSION}\n`)
    })

    test.each([
      ['other bytes', good(program('6.6.6')), /is not the file of the release: its SHA-256 is [0-9a-f]{64}, expected /],
      [
        'half of the bytes',
        truncated(PROGRAM, 100_000),
        /could not be downloaded|could not download|is not the file of the release/,
      ],
      ['404', status(404), /could not download .* ended with \d+ for .* names a mirror/],
    ] as const)('installs nothing when the mirror answers %s', async (_, answer, complaint) => {
      await using mirror = await startMirror(release(answer))
      const { bin, ended } = await install(mirror, { setting: settings.get(name) ?? anySetting() })
      const { code, stderr } = await ended

      expect(code).toBe(1)
      expect(stderr).toMatch(complaint)
      expect(stderr).toContain(`${mirror.origin}/release/${ASSET}`)
      expect(await filesIn(bin)).toEqual([])
    })

    test('says that there is no connection before it says what it was for', async () => {
      const { setting, closed } = { setting: settings.get(name) ?? anySetting(), closed: await startMirror() }
      await closed.stop()
      const { bin, ended } = await install(closed, { setting })
      const { code, stdout, stderr } = await ended

      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      const [complaint = ''] = /^openwork install: .*$/m.exec(stderr) ?? []
      // BusyBox has one exit code for everything.
      expect(complaint).toStartWith(
        setting.shell.length > 1
          ? `openwork install: could not download openwork ${VERSION}: wget ended with 1 for ${closed.origin}/`
          : `openwork install: no working connection to ${new URL(closed.origin).host}: openwork ${VERSION} could not`,
      )
      expect(await filesIn(bin)).toEqual([])
    })

    test('takes values behind an equals sign, and a home that no shell has filled in', async () => {
      await using mirror = await startMirror(release(good(PROGRAM)))
      const setting = settings.get(name) ?? anySetting()
      const { home, ended } = await install(mirror, { setting, args: ['--dir=~/my bin', `--version=v${VERSION}`] })

      expect(await ended).toMatchObject({ code: 0, stderr: '' })
      expect(await filesIn(join(home, 'my bin'))).toEqual(NAMES)
    })

    test.each([
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const)('leaves nothing behind when it is ended by %s', async (signal, expected) => {
      await using mirror = await startMirror(release(stalled(PROGRAM, 100_000)))
      const { bin, pid, ended } = await install(mirror, { setting: settings.get(name) ?? anySetting() })
      await Promise.race([mirror.asked(2), ended])

      process.kill(-pid, signal)

      expect((await ended).code).toBe(expected)
      expect(await filesIn(bin)).toEqual([])
    })

    test('runs nothing of itself when it was cut off on its way', async () => {
      await using mirror = await startMirror(release(good(PROGRAM)))
      const length = SCRIPT.length
      const cuts = [...Array(20).keys()].map(index => Math.floor((length * index) / 20))
      for (const cut of [...cuts, ...[...Array(16).keys()].map(index => length - 2 - index)]) {
        const { home, ended } = await install(mirror, {
          script: SCRIPT.slice(0, cut),
          setting: settings.get(name) ?? anySetting(),
        })
        const { stdout } = await ended
        expect({ cut, stdout, left: await readdir(home) }).toEqual({ cut, stdout: '', left: [] })
      }
      expect(mirror.requests).toEqual([])
    })
  })

  test('with the hashes of its release inside asks the mirror for nothing else', async () => {
    await using mirror = await startMirror(release(good(PROGRAM), program('6.6.6')))
    const executables = [{ name: ASSET ?? '', sha256: sha256(PROGRAM), size: PROGRAM.length }]
    const script = renderInstaller(SCRIPT, { version: VERSION, executables })
    const { ended } = await install(mirror, { script })

    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    expect(mirror.requests.map(request => request.path)).toEqual([`/release/${ASSET}`])
  })

  test('asks the mirror for the hashes of another release than its own', async () => {
    const other = program('9.9.9')
    await using mirror = await startMirror(release(good(other), other))
    const script = renderInstaller(SCRIPT, {
      version: VERSION,
      executables: [{ name: ASSET ?? '', sha256: sha256(PROGRAM), size: PROGRAM.length }],
    })
    const { bin, ended } = await install(mirror, { script, args: ['--version', 'v9.9.9'] })

    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    expect(Bun.spawnSync([join(bin, 'openwork')]).stdout.toString()).toBe('9.9.9\n')
  })

  test('installs no program that calls itself another version, or that does not run', async () => {
    const broken = new TextEncoder().encode('#!/bin/sh\necho cannot find the loader >&2\nexit 127\n')
    for (const [bytes, complaint] of [
      [program('6.6.6'), 'calls itself version 6.6.6, expected'],
      [broken, 'does not run here: cannot find the loader'],
    ] as const) {
      await using mirror = await startMirror(release(good(bytes), bytes))
      const { bin, ended } = await install(mirror)
      const { code, stderr } = await ended

      expect(code).toBe(1)
      expect(stderr).toContain(complaint)
      expect(await filesIn(bin)).toEqual([])
    }
  })

  test('replaces an openwork that runs, which goes on', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    await copyFile(process.execPath, join(bin, 'openwork'))
    await using running = Bun.spawn([join(bin, 'openwork'), '-e', 'console.log("runs"); setInterval(() => {}, 1e6)'])
    expect(new TextDecoder().decode((await running.stdout.values().next()).value)).toBe('runs\n')
    await using mirror = await startMirror(release(good(PROGRAM)))
    const { ended } = await install(mirror, { env: { OPENWORK_INSTALL_DIR: bin } })

    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    expect(Bun.spawnSync([join(bin, 'openwork')]).stdout.toString()).toBe(`${VERSION}\n`)
    expect(running.exitCode).toBeNull()
  })

  test('keeps a program of somebody else that has one of its further names', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    await writeFile(join(bin, 'opencode-router'), 'not ours')
    await using mirror = await startMirror(release(good(PROGRAM)))
    const { ended } = await install(mirror, { args: ['--dir', bin] })

    const { stdout } = await ended
    expect(stdout).toContain(`Left ${bin}/opencode-router as it is`)
    expect(stdout).toContain(
      `rm -f '${bin}/openwork' '${bin}/openwork-server' '${bin}/openwork-orchestrator' '${bin}/openwork.previous'\n`,
    )
    expect(await readFile(join(bin, 'opencode-router'), 'utf8')).toBe('not ours')
    expect(await readlink(join(bin, 'openwork-server'))).toBe('openwork')
  })

  test('leaves links of somebody else, and what they lead to, as they are', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    const other = await mkdtemp(join(folder, 'other-'))
    await symlink(other, join(bin, 'openwork-server'))
    await symlink('nowhere', join(bin, 'opencode-router'))
    await symlink('openwork', join(bin, 'openwork-orchestrator')) // ours, of an earlier release
    await using mirror = await startMirror(release(good(PROGRAM)))
    const { ended } = await install(mirror, { args: ['--dir', bin] })

    const { code, stdout } = await ended
    expect(code).toBe(0)
    for (const [name, target] of Object.entries({ 'openwork-server': other, 'opencode-router': 'nowhere' })) {
      expect(stdout).toContain(`Left ${bin}/${name} as it is`)
      expect(await readlink(join(bin, name))).toBe(target)
    }
    expect(await filesIn(other)).toEqual([])
    expect(stdout).toContain(`'${bin}/openwork' '${bin}/openwork-orchestrator'`)
  })

  test('removes what a run that was killed has left, when it is older than a day', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    const leave = async (name: string, daysAgo: number): Promise<void> => {
      await mkdir(join(bin, name))
      await writeFile(join(bin, name, 'openwork'), 'half of it')
      const time = Date.now() / 1000 - daysAgo * 86_400
      await utimes(join(bin, name), time, time)
    }
    await leave('.openwork-install.abc123', 2)
    await leave('.openwork-install.def456', 0) // of one that goes on, perhaps
    await leave('.openwork-install', 2) // none of ours
    await using mirror = await startMirror(release(good(PROGRAM)))
    const { ended } = await install(mirror, { args: ['--dir', bin] })

    expect((await ended).code).toBe(0)
    expect(await filesIn(bin)).toEqual(['.openwork-install', '.openwork-install.def456', ...NAMES])
  })

  test('follows a redirect, and asks once more after a passing failure', async () => {
    const curl = CASES.find(({ downloader }) => downloader === 'curl')
    await using mirror = await startMirror({
      ...release(redirect('/elsewhere')),
      '/elsewhere': curl ? inTurn(status(503), good(PROGRAM)) : good(PROGRAM),
    })
    const { ended } = await install(mirror, curl ? { setting: settings.get(curl.name) ?? anySetting() } : {})

    expect((await ended).code).toBe(0)
  })

  test('says nothing of the PATH when the folder is in it, and which openwork comes first', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'))
    const { path, shell } = anySetting()
    await using mirror = await startMirror(release(good(PROGRAM)))
    const found = await install(mirror, { args: ['--dir', bin], setting: { shell, path: `${bin}:${path}` } })
    const { stdout } = await found.ended
    expect(stdout).not.toMatch(/PATH/)
    expect(stdout).toContain('Next, in the folder to host: openwork start\n')

    const first = await mkdtemp(join(folder, 'first-'))
    await writeFile(join(first, 'openwork'), '#!/bin/sh\n', { mode: 0o755 })
    const hidden = await install(mirror, { args: ['--dir', bin], setting: { shell, path: `${first}:${path}:${bin}` } })
    expect((await hidden.ended).stdout).toContain(`Another openwork comes first in your PATH: ${first}/openwork`)
  })

  test.each([
    ['SunOS', 'x86_64', 'there is no openwork for SunOS'],
    ['Linux', 'riscv64', 'there is no openwork for the processor riscv64'],
    ['MINGW64_NT-10.0', 'x86_64', 'npm install -g openwork-orchestrator'],
  ])('refuses %s on %s', async (system, processor, complaint) => {
    const { shell, path } = anySetting()
    const fake = await mkdtemp(join(folder, 'uname-'))
    const script = `#!/bin/sh\nif [ "$1" = -s ]; then echo ${system}; else echo ${processor}; fi\n`
    await writeFile(join(fake, 'uname'), script, { mode: 0o755 })
    const { home, ended } = await install(undefined, { setting: { shell, path: `${fake}:${path}` } })
    const { code, stderr } = await ended

    expect(code).toBe(1)
    expect(stderr).toContain(complaint)
    expect(await readdir(home)).toEqual([])
  })

  test.each([
    [
      'a mirror without TLS',
      [],
      { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: 'http://mirror.example' },
      'must start with https://',
    ],
    [
      'a mirror that only looks like this machine',
      [],
      { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: 'http://localhost.mirror.example/' },
      'must start with https://',
    ],
    [
      'a mirror with a password',
      [],
      { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: 'https://me:secret@mirror.example' },
      'put it into ~/.netrc',
    ],
    ['an unknown argument', ['--force'], {}, 'unknown argument --force'],
    ['a flag without its value', ['--dir'], {}, '--dir needs a value'],
    ['a flag with an empty value', ['--dir='], {}, '--dir needs a value'],
    ['a version that is none', ['--version', '../1'], {}, '../1 is not a version'],
    ['a folder that cannot be', ['--dir', '/dev/null/bin'], {}, 'cannot make the folder /dev/null/bin'],
  ])('refuses %s', async (_, args, env, complaint) => {
    const { home, ended } = await install(undefined, { args, env })
    const { code, stdout, stderr } = await ended

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(complaint)
    expect(stderr).not.toContain('secret')
    expect(await readdir(home)).toEqual([])
  })
})

const noShellcheck = has('shellcheck') ? undefined : 'shellcheck is not installed'
test.skipIf(noShellcheck !== undefined)(
  `shellcheck finds nothing in it${noShellcheck ? `: ${noShellcheck}` : ''}`,
  () => {
    const file = join(import.meta.dir, '..', '..', 'scripts', 'install.sh')
    const ended = Bun.spawnSync(['shellcheck', '--shell=sh', file], { timeout: LIMIT_MS })
    expect(ended.stdout.toString()).toBe('')
  },
)
