import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RuntimeService } from '../../src/api/runtime.ts'
import { ExecutableOnDisk } from '../../src/orchestrator/executable-on-disk.ts'
import { Runtime } from '../../src/orchestrator/runtime.ts'
import { eventually } from '../e2e/harness.ts'
import { fixture, freePort, http, service, supervised, temporaryFolder } from '../supervisor/support.ts'
import { watchedLog } from './watched-log.ts'

const OURS = '2.0.0'
const NEXT = '3.0.0'
const BROKEN = 'echo "cannot open the store" >&2; exit 3'

type Scene = {
  /** What the new openwork does as a server. */
  server?: string
  /** What the opencode that it brings does; undefined: it cannot bring one. */
  opencode?: string | undefined
  isOpencodeExternal?: boolean
  /** Beside it lies what was there before. */
  hasPrevious?: boolean
  /** The server is the one that a manifest lists. */
  isDownloaded?: boolean
}

/** A host of version 2 whose executable on disk can be put in the place of another: programs that hand on to Bun. */
async function host({
  server = RUN,
  opencode = RUN,
  isOpencodeExternal = false,
  hasPrevious = true,
  isDownloaded = false,
}: Scene = {}) {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder.path, name)
  const write = async (name: string, script: string): Promise<string> => {
    await writeFile(at(`${name}.writing`), `#!/bin/sh\n${script}\n`)
    await chmod(at(`${name}.writing`), 0o755)
    await rename(at(`${name}.writing`), at(name))
    return at(name)
  }
  const openwork = (version: string, run: string, brought?: string): string =>
    `case "$1" in --version) echo ${version};; cache) ${brought ?? 'echo no such network >&2; exit 4'};; *) ${run};; esac`
  const execPath = await write('openwork', openwork(OURS, RUN))
  if (hasPrevious) await write('openwork.previous', openwork(OURS, RUN))
  const oldOpencode = await write('opencode-1', RUN)
  const newOpencode = await write('opencode-2', opencode)
  const specOf = async (name: string, program: string) => {
    const port = await freePort()
    const [, ...args] = fixture('http-ok', String(port))
    return service(name, { argv: [program, ...args], ready: http(port), env: { PATH: process.env.PATH ?? '' } })
  }
  let listed = { version: OURS, path: isDownloaded ? await write('openwork-server', RUN) : execPath }
  const specs = [await specOf('opencode', oldOpencode), await specOf('openwork-server', listed.path)]
  const { run, events, ...supervisor } = supervised(specs)
  const { log, says } = watchedLog()
  const env = { PATH: process.env.PATH }
  const runtime = new Runtime({
    supervisor: run,
    programs: [
      { name: 'opencode', source: 'bundled', path: oldOpencode, targetVersion: '1.0.1', actualVersion: '1.0.1' },
      {
        name: 'openwork-server',
        source: isDownloaded ? 'downloaded' : 'bundled',
        path: listed.path,
        targetVersion: OURS,
        actualVersion: OURS,
      },
    ],
    specs,
    disk: new ExecutableOnDisk({ execPath, execArgv: [], main: '/$bunfs/root/openwork' }, { version: OURS, env }),
    version: OURS,
    env,
    sidecarDir: at('sidecars'),
    isOpencodeExternal,
    ensureOpencode: async () => ({
      source: 'bundled',
      path: oldOpencode,
      expectedVersion: '1.0.1',
      actualVersion: '1.0.1',
    }),
    ensureServer: async () => ({
      argv: [listed.path],
      source: 'downloaded',
      path: listed.path,
      expectedVersion: listed.version,
      actualVersion: listed.version,
    }),
    startedAtMs: 1,
    workspace: '/project',
    log,
  })
  await Promise.all(specs.map(({ name }) => run.reaches(name, 'ready')))
  return {
    run,
    events,
    runtime,
    says,
    oldOpencode,
    newOpencode,
    execPath,
    /** Version 3 takes the place of the file that the host was started from. */
    putNext: () => write('openwork', openwork(NEXT, server, `echo '${JSON.stringify(fetched(newOpencode))}'`)),
    putNextWithoutOpencode: () => write('openwork', openwork(NEXT, server)),
    /** It knows no opencode for this machine. */
    putNextForOthers: () =>
      write('openwork', openwork(NEXT, server, `echo '{"ok":false,"code":"platform_not_supported"}'; exit 4`)),
    /** The manifest lists version 3 from now on. */
    listNext: async () => {
      listed = { version: NEXT, path: await write('openwork-server-3', server) }
      return listed.path
    },
    putText: async () => {
      await writeFile(at('text'), 'not a program\n', { mode: 0o755 })
      await rename(at('text'), execPath)
    },
    /** It writes down the home of each process that is started from it. */
    putHanging: () => write('openwork', `echo "$HOME" >>'${at('homes')}'; exec sleep 600`),
    homes: async () => (await readFile(at('homes'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
    removeExecutable: () => rename(execPath, at('gone')),
    upgrade: async (services?: string[]) => {
      const ended = says(/upgrade (finished|failed)/)
      runtime.upgrade(services)
      await ended
      return (await runtime.versions()).upgrade
    },
    describe: async (name: RuntimeService) =>
      (await runtime.versions()).services.find(service => service.name === name),
    /** The program that runs for a service. */
    program: (name: string) => run.snapshot().find(service => service.name === name),
    async [Symbol.asyncDispose]() {
      await runtime.close()
      await supervisor[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

const RUN = `exec '${process.execPath}' "$@"`

const fetched = (path: string) => ({
  ok: true,
  version: NEXT,
  opencode: { version: '1.0.2', path, source: 'downloaded' },
})

test('while the executable is the same an upgrade runs the same programs anew', async () => {
  await using it = await host()
  expect(await it.describe('openwork-server')).toMatchObject({ targetVersion: OURS, upgradeAvailable: false })

  const said = it.says(/openwork-server restarted/)

  expect(await it.upgrade()).toMatchObject({ status: 'idle', error: null, renewed: [] })

  expect(await said).toContain('there is no other program for it')
  expect(it.run.snapshot().map(({ state, restarts }) => [state, restarts])).toEqual([
    ['ready', 1],
    ['ready', 1],
  ])
})

test('another version on disk is an upgrade, and then runs with the opencode it was made with', async () => {
  await using it = await host()
  await it.putNext()
  expect(await it.describe('openwork-server')).toMatchObject({
    targetVersion: NEXT,
    actualVersion: OURS,
    upgradeAvailable: true,
  })
  expect(await it.describe('opencode')).toMatchObject({ actualVersion: '1.0.1', upgradeAvailable: true })

  expect(await it.upgrade()).toMatchObject({ status: 'idle', error: null })

  expect(await it.describe('openwork-server')).toMatchObject({
    running: true,
    targetVersion: NEXT,
    actualVersion: NEXT,
    upgradeAvailable: false,
  })
  expect(await it.describe('opencode')).toMatchObject({
    running: true,
    source: 'downloaded',
    path: it.newOpencode,
    targetVersion: '1.0.2',
    actualVersion: '1.0.2',
    upgradeAvailable: false,
  })
})

test('a downloaded server is the one that its manifest lists now', async () => {
  await using it = await host({ isDownloaded: true })
  const path = await it.listNext()

  expect(await it.upgrade()).toMatchObject({ status: 'idle', error: null, renewed: ['openwork-server'] })

  expect(await it.describe('openwork-server')).toMatchObject({
    running: true,
    path,
    targetVersion: NEXT,
    actualVersion: NEXT,
    upgradeAvailable: false,
  })
})

test('a downloaded server that does not come up is taken back', async () => {
  await using it = await host({ isDownloaded: true, server: BROKEN })
  await it.listNext()

  const { status, error, renewed } = await it.upgrade()

  expect([status, error, renewed]).toEqual([
    'failed',
    expect.stringMatching(/new openwork-server .*; rolled back$/),
    [],
  ])
  expect(await it.describe('openwork-server')).toMatchObject({ running: true, actualVersion: OURS })
})

test('only opencode, when only that is asked for', async () => {
  await using it = await host()
  await it.putNext()

  await it.upgrade(['opencode'])

  expect(await it.describe('opencode')).toMatchObject({ actualVersion: '1.0.2', upgradeAvailable: false })
  expect(await it.describe('openwork-server')).toMatchObject({ actualVersion: OURS, upgradeAvailable: true })
  expect(it.program('openwork-server')?.restarts).toBe(0)
})

test('nothing is ended when the new version cannot bring its opencode', async () => {
  await using it = await host()
  await it.putNextWithoutOpencode()

  const { status, error } = await it.upgrade()

  expect([status, error]).toEqual(['failed', expect.stringContaining('no such network')])
  expect(it.run.snapshot().map(({ state, restarts }) => [state, restarts])).toEqual([
    ['ready', 0],
    ['ready', 0],
  ])
})

test('an opencode that does not come up is taken back, the server is left alone', async () => {
  await using it = await host({ opencode: BROKEN })
  await it.putNext()

  const { status, error } = await it.upgrade()

  expect([status, error]).toEqual(['failed', expect.stringMatching(/new opencode .* exited with code 3; rolled back$/)])
  expect(await it.describe('opencode')).toMatchObject({ path: it.oldOpencode, actualVersion: '1.0.1', running: true })
  expect(it.program('openwork-server')?.restarts).toBe(0)
  expect(it.run.history('opencode')).not.toContain('gave-up')
})

for (const [from, hasPrevious] of [
  ['the file kept beside it', true],
  ['our own image', process.platform !== 'linux'],
] as const)
  test(`a server that does not come up runs from ${from} again, and opencode goes back with it`, async () => {
    await using it = await host({ server: BROKEN, hasPrevious })
    await it.putNext()

    const { status, error } = await it.upgrade()

    expect([status, error]).toEqual(['failed', expect.stringMatching(/new openwork-server .*; rolled back$/)])
    expect(await it.describe('openwork-server')).toMatchObject({
      running: true,
      actualVersion: OURS,
      upgradeAvailable: true,
    })
    expect(await it.describe('opencode')).toMatchObject({ path: it.oldOpencode, actualVersion: '1.0.1', running: true })
    expect(it.program('opencode')?.state).toBe('ready')
    expect(it.program('openwork-server')?.state).toBe('ready')
    expect(it.run.history('openwork-server')).not.toContain('gave-up')
  })

test('a host whose executable was taken away goes on with what it has', async () => {
  await using it = await host()
  await it.removeExecutable()

  expect(await it.upgrade()).toMatchObject({ status: 'idle', error: null })

  expect(await it.describe('openwork-server')).toMatchObject({ running: true, actualVersion: OURS })
})

test('nothing is ended when what lies on disk does not run', async () => {
  await using it = await host()
  await it.putText()

  const { status, error } = await it.upgrade()

  expect([status, error]).toEqual(['failed', expect.stringContaining(`${it.execPath} does not run: it `)])
  expect(it.run.snapshot().map(({ state, restarts }) => [state, restarts])).toEqual([
    ['ready', 0],
    ['ready', 0],
  ])
})

test('one that does not answer is asked once for all who want to know, and leaves nothing when the host goes down', async () => {
  await using it = await host()
  await it.putHanging()
  const asked = [1, 2, 3].map(() => it.runtime.versions())
  await eventually('it is asked', async () => (await it.homes()).length > 0)

  await it.runtime.close()

  expect((await Promise.all(asked)).map(({ ok }) => ok)).toEqual([true, true, true])
  const homes = await it.homes()
  expect(homes).toHaveLength(1)
  expect(homes.filter(existsSync)).toEqual([])
})

test('an opencode that the user chose stays the one they chose', async () => {
  await using it = await host({ isOpencodeExternal: true })
  await it.putNext()

  await it.upgrade()

  expect(await it.describe('opencode')).toMatchObject({ path: it.oldOpencode, upgradeAvailable: false })
  expect(it.program('opencode')?.restarts).toBe(1)
})

test('a host that goes down does not wait for what an upgrade fetches', async () => {
  await using it = await host()
  await it.putNextWithoutOpencode()
  const ended = it.upgrade()

  void it.runtime.close()

  expect(await ended).toMatchObject({ status: 'failed' })
})

test('where the new version has no opencode for the machine, the one that is there is run anew', async () => {
  await using it = await host()
  await it.putNextForOthers()

  expect(await it.upgrade()).toMatchObject({ status: 'idle', error: null })

  expect(await it.describe('opencode')).toMatchObject({ path: it.oldOpencode, upgradeAvailable: false })
  expect(await it.describe('openwork-server')).toMatchObject({ actualVersion: NEXT })
})
