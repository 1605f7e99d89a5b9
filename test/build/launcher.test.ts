import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import { good, inTurn, startMirror, truncated } from '../fixtures/mirror.ts'
import { startNpmRegistry } from '../fixtures/npm-registry.ts'
import { startTunnelProxy } from '../fixtures/tunnel-proxy.ts'
import { ASSET, NODE, newPackageFolder, type PackageFolder, PLATFORM_PACKAGE, PROGRAM } from '../npm/package-folder.ts'
import { fetchTool, whyNoTools } from '../npm/tools.ts'

const LIMIT_MS = 20_000

const missing = await whyNoTools(['node 18', 'node 24'])
/** Becomes the executable; the others start it as a child. */
const NEW_NODE = missing ? undefined : await fetchTool('node 24')
const OLDEST_NODE = missing ? undefined : await fetchTool('node 18')
const NODES = [OLDEST_NODE, NODE, NEW_NODE].filter(node => node !== undefined)

let folder: PackageFolder

beforeAll(async () => {
  folder = await newPackageFolder()
})

afterAll(() => folder[Symbol.asyncDispose]())

describe.each(NODES)('the npm launcher under %s', node => {
  /** With Bun as its executable: what it runs is then whatever the test says. */
  function launch(program: string, ...args: string[]) {
    return Bun.spawn([node, join(folder.meta, 'bin', 'openwork.cjs'), '-e', program, ...args], {
      env: { PATH: process.env.PATH, OPENWORK_ORCHESTRATOR_BIN_PATH: process.execPath },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
  }

  test('passes arguments, streams and the exit code through', async () => {
    const child = launch(
      'console.log(process.argv.slice(1).join("|"), await Bun.stdin.text()); console.error("to stderr"); process.exit(7)',
      'a b',
      '',
      '--flag=ä',
    )
    child.stdin.write('typed')
    child.stdin.end()

    expect(await child.stdout.text()).toBe('a b||--flag=ä typed\n')
    expect(await child.stderr.text()).toBe('to stderr\n')
    expect(await child.exited).toBe(7)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)(
    'lets the executable answer to %s',
    async signal => {
      const child = launch(
        `process.on('${signal}', () => { console.log('stopping'); process.exit(5) }); console.log('ready'); setInterval(() => {}, 1e6)`,
      )
      const output = child.stdout.values()
      expect(new TextDecoder().decode((await output.next()).value)).toBe('ready\n')

      child.kill(signal)

      expect(new TextDecoder().decode((await output.next()).value)).toBe('stopping\n')
      expect(await child.exited).toBe(5)
    },
  )

  test('ends with 128+n when signal n ended the executable', async () => {
    for (const [signal, number] of [
      ['SIGKILL', 9],
      ['SIGTERM', 15],
    ] as const) {
      const child = launch(`process.kill(process.pid, "${signal}")`)
      await child.exited
      // A launcher that has become the executable is ended by the signal itself, which shells tell as 128+n.
      expect(child.signalCode ?? child.exitCode).toBe(node === NEW_NODE ? signal : 128 + number)
    }
  })

  test('tells when the executable it was told to run is missing, or does not run', async () => {
    const none = join(folder.root, 'no-such-file')
    const missing = await folder.launch([], { node, env: { OPENWORK_ORCHESTRATOR_BIN_PATH: none } })
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toStartWith(`openwork: OPENWORK_ORCHESTRATOR_BIN_PATH names ${none}, which does not exist\n`)

    const text = join(folder.root, 'text')
    for (const [mode, content] of [
      [0o644, 'not a program'],
      [0o755, 'not a program'],
      [0o755, ''],
    ] as const) {
      await writeFile(text, content, { mode })
      const notExecutable = await folder.launch([], { node, env: { OPENWORK_ORCHESTRATOR_BIN_PATH: text } })
      expect(notExecutable).toMatchObject({ code: 1, stdout: '' })
      expect(notExecutable.stderr).toStartWith(`openwork: ${text} does not start: `)
    }
  })

  test('fetches the executable at its first run, through a proxy, with npm when the mirror has none', async () => {
    await using folder = await newPackageFolder()
    await using registry = await startNpmRegistry()
    await registry.publish(folder.platform)
    await using proxy = await startTunnelProxy({}, { credentials: 'me:not-given' })

    const env = {
      OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: 'https://mirror.test',
      HTTPS_PROXY: proxy.url,
      no_proxy: '127.0.0.1',
      npm_config_registry: registry.url,
    }
    expect(await folder.launch(['x'], { node, env })).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(proxy.tunnels[0]?.to).toBe('mirror.test:443')
  })

  test('goes on with a first run that was cut', async () => {
    const bytes = new TextEncoder().encode(PROGRAM)
    await using mirror = await startMirror({ [ASSET]: inTurn(truncated(bytes, 20), good(bytes)) })
    await using folder = await newPackageFolder()

    const env = { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin }
    expect(await folder.launch(['x'], { node, env })).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=20-'])
  })

  test('is found through links, as package managers make them', async () => {
    await using linked = await newPackageFolder()
    const modules = dirname(linked.meta)
    await cp(linked.platform, join(modules, PLATFORM_PACKAGE), { recursive: true })
    const command = join(linked.root, `openwork-${NODES.indexOf(node)}`)
    await symlink(join(linked.meta, 'bin', 'openwork.cjs'), command)

    const child = Bun.spawn([node, command, 'x'], { env: linked.env, stdio: ['ignore', 'pipe', 'inherit'] })
    expect(await child.stdout.text()).toBe('program x\n')
  })
})

describe('the npm launcher', () => {
  test.skipIf(missing !== undefined)(
    `becomes the executable where Node can${missing ? ` (${missing})` : ''}`,
    async () => {
      const node = await fetchTool('node 24')
      const env = { OPENWORK_ORCHESTRATOR_BIN_PATH: process.execPath }
      const launched = Bun.spawn([node, join(folder.meta, 'bin', 'openwork.cjs'), '-e', 'console.log(process.pid)'], {
        env: { ...folder.env, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      })

      expect(await launched.stdout.text()).toBe(`${launched.pid}\n`)
    },
  )

  test('runs a named executable before that of the platform package, and that before a fetched one', async () => {
    await using folder = await newPackageFolder()
    const says = (what: string): string => PROGRAM.replaceAll('program', what)
    const inPackage = join(dirname(folder.meta), PLATFORM_PACKAGE)
    const named = join(folder.root, 'named')

    for (const [place, what] of [
      // A fetched one has the size of the one that was released.
      [folder.fetched.inHome, 'at-home'],
      [folder.fetched.inPackage, 'fetched'],
    ] as const) {
      await mkdir(dirname(place), { recursive: true })
      await writeFile(place, says(what), { mode: 0o755 })
    }
    expect((await folder.launch(['x'])).stdout).toBe('fetched x\n')

    await cp(folder.platform, inPackage, { recursive: true })
    await writeFile(join(inPackage, 'bin', 'openwork'), says('package'))
    expect((await folder.launch(['x'])).stdout).toBe('package x\n')

    await writeFile(named, says('named'), { mode: 0o755 })
    const { stdout } = await folder.launch(['x'], { env: { OPENWORK_ORCHESTRATOR_BIN_PATH: named } })
    expect(stdout).toBe('named x\n')
  })

  test('runs nothing that lies in the current folder, nor a package of another version', async () => {
    await using folder = await newPackageFolder()
    const cwd = join(folder.root, 'workspace')
    const planted = join(cwd, '.openwork', 'openwork-orchestrator', 'bin', VERSION, 'openwork')
    await mkdir(dirname(planted), { recursive: true })
    await writeFile(planted, PROGRAM.replaceAll('program', 'planted'), { mode: 0o755 })
    const other = join(folder.home, '.node_modules', PLATFORM_PACKAGE)
    await cp(folder.platform, other, { recursive: true })
    await writeFile(join(other, 'package.json'), JSON.stringify({ name: PLATFORM_PACKAGE, version: '0.0.1' }))

    for (const HOME of ['', folder.home]) {
      const { code, stdout } = await folder.launch(['x'], { cwd, env: { HOME } })
      expect([code, stdout]).toEqual([1, ''])
    }
  })

  test('refuses to look for itself, and does not pass on which executable it was told to run', async () => {
    await using folder = await newPackageFolder()
    const itself = join(folder.meta, 'bin', 'openwork.cjs')
    const chain = await folder.launch(['x'], { env: { OPENWORK_ORCHESTRATOR_BIN_PATH: itself } })
    expect(chain).toMatchObject({ code: 1, stdout: '' })
    expect(chain.stderr).toContain('which is the launcher that looks for it')

    const named = join(folder.root, 'named')
    await writeFile(named, '#!/bin/sh\nenv | grep -c ^OPENWORK_ORCHESTRATOR_BIN_PATH\n', { mode: 0o755 })
    const { stdout } = await folder.launch([], {
      cwd: folder.root,
      env: { OPENWORK_ORCHESTRATOR_BIN_PATH: './named' },
    })
    expect(stdout).toBe('0\n')
  })

  test.skipIf(!PLATFORM_PACKAGE.startsWith('openwork-orchestrator-linux-'))(
    'takes that of its own C library where a package manager installed both (Linux only)',
    async () => {
      await using folder = await newPackageFolder()
      const base = PLATFORM_PACKAGE.replace(/-musl$/, '')
      for (const name of [base, `${base}-musl`]) {
        const installed = join(dirname(folder.meta), name)
        await cp(folder.platform, installed, { recursive: true })
        await writeFile(join(installed, 'bin', 'openwork'), PROGRAM.replaceAll('program', name))
      }

      expect((await folder.launch(['x'])).stdout).toBe(`${PLATFORM_PACKAGE} x\n`)
    },
  )

  test('knows the hashes of all executables that its version was released with', async () => {
    const checksums = JSON.parse(await readFile(join(folder.meta, 'checksums.json'), 'utf8'))
    const [checksum] = Object.values(checksums)
    expect(checksum).toEqual({
      asset: expect.stringMatching(/^openwork-bun-/),
      package: PLATFORM_PACKAGE,
      file: 'bin/openwork',
      sha256: new Bun.CryptoHasher('sha256').update(PROGRAM).digest('hex'),
      size: PROGRAM.length,
    })
    expect(JSON.parse(await readFile(join(folder.meta, 'constants.json'), 'utf8'))).toEqual({
      opencodeVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    })
  })
})
