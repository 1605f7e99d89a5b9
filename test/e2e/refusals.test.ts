import { describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import { failureOf, newWorld, OPENWORK, type World } from './harness.ts'

const nothingMade = (world: World): void => {
  expect(existsSync(world.dataDir)).toBe(false)
  expect(readdirSync(world.workspace)).toEqual(['opencode.json'])
  expect(world.processes()).toEqual([])
}

describe('what is typed wrong', () => {
  test.each([
    [['serve', '--aproval', 'auto'], 'unknown_flag', '--approval'],
    [['stauts'], 'unknown_command', 'status'],
    [['serve', '--approval', 'banana'], 'invalid_value', 'manual'],
    [['serve', '--openwork-port', 'abc'], 'invalid_value', 'abc'],
    [['serve', '--openwork-port', '99999999'], 'invalid_value', '65535'],
    [['serve', '--approval-timeout', '-5'], 'invalid_value', '--approval-timeout'],
    [['serve', '--workspace'], 'missing_value', '--workspace'],
    [['serve', '--workspace', '--approval', 'auto'], 'missing_value', '--workspace'],
    [['serve', '--sandbox', 'docker'], 'not_available', 'docker'],
    [['serve', '--sidecar-base-url', 'http://mirror.example'], 'invalid_value', 'http:// being for this machine alone'],
    [['serve', '--sidecar-manifest', 'http://mirror.example/m.json'], 'invalid_value', '--sidecar-manifest'],
  ] as const)('%p is refused before anything is made', async (args, code, named) => {
    await using world = await newWorld()

    const failure = await failureOf(world, args)

    expect(failure).toMatchObject({ ok: false, code, exitCode: 2 })
    expect(`${failure.error} ${failure.hint ?? ''}`).toContain(named)
    nothingMade(world)
  })

  test('is one line on stderr without --json', async () => {
    await using world = await newWorld()

    const { code, stdout, stderr } = await world.run(['serve', '--aproval', 'auto'])

    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toContain('--aproval')
  })
})

describe('a workspace', () => {
  test('that is missing is only made when asked', async () => {
    await using world = await newWorld()
    const workspace = join(world.home, 'new')

    const failure = await failureOf(world, ['serve', '--workspace', workspace])

    expect(failure).toMatchObject({ code: 'workspace_not_found', hint: expect.stringContaining('--create-workspace') })
    expect(existsSync(workspace)).toBe(false)
    nothingMade(world)
  })

  test('that is a file is named as one', async () => {
    await using world = await newWorld()
    const file = join(world.home, 'file')
    writeFileSync(file, '')

    const failure = await failureOf(world, ['serve', '--workspace', file])

    expect(failure).toMatchObject({ code: 'workspace_not_a_folder', error: expect.stringContaining(file) })
    nothingMade(world)
  })
})

describe('a busy port', () => {
  test.each(['--openwork-port', '--opencode-port'])('asked for by %s is an error naming it', async flag => {
    await using world = await newWorld()
    await using busy = await occupied()

    const failure = await failureOf(world, ['serve', flag, String(busy.port)])

    expect(failure).toMatchObject({ code: 'port_in_use', error: expect.stringContaining(String(busy.port)) })
    expect(failure.hint).toContain(flag)
    nothingMade(world)
  })
})

describe('the data dir', () => {
  test('that cannot be written is refused, and named', async () => {
    await using world = await newWorld()
    const file = join(world.home, 'file')
    writeFileSync(file, '')

    const failure = await failureOf(world, ['serve', '--data-dir', join(file, 'data')])

    expect(failure).toMatchObject({ code: 'data_dir_unusable', error: expect.stringContaining(file) })
    expect(world.processes()).toEqual([])
  })
})

describe('opencode', () => {
  /** The executable on its own, as it is when installed: nothing beside it, no checkout above it. */
  const installed = async (world: World): Promise<string> => {
    const folder = join(world.home, 'installed')
    mkdirSync(folder)
    await Bun.write(join(folder, 'openwork'), Bun.file(OPENWORK))
    chmodSync(join(folder, 'openwork'), 0o755)
    return join(folder, 'openwork')
  }

  test('that is nowhere and cannot be fetched is explained', async () => {
    await using world = await newWorld()
    const executable = await installed(world)

    // No npm, and a proxy that leads nowhere.
    const env = { PATH: '', HTTPS_PROXY: 'http://127.0.0.1:1' }
    const failure = await failureOf(world, ['serve'], { program: [executable], env })

    expect(failure.code).toBe('sidecar_download_failed')
    expect(failure.error).toContain('npm')
    expect(failure.hint).toBeString()
    expect(world.processes()).toEqual([])
  })

  test('of another version beside the executable is not run', async () => {
    await using world = await newWorld()
    const executable = await installed(world)
    writeFileSync(join(world.home, 'installed', 'opencode'), '#!/bin/sh\ntouch "$HOME/was-run"\n', { mode: 0o755 })

    const failure = await failureOf(world, ['serve', '--opencode-source', 'bundled'], { program: [executable] })

    expect(failure.code).toBe('sidecar_checksum_mismatch')
    expect(existsSync(join(world.home, 'was-run'))).toBe(false)
  })

  test('of another version that was asked for runs, with a warning', async () => {
    await using world = await newWorld()
    const host = await world.serve(['--opencode-bin', fakeOpencode(world.home), '--allow-external'])

    expect(host.text('stderr')).toMatch(/WARN.*0\.0\.1/)
    expect(host.document.diagnostics.binaries.opencode).toMatchObject({ source: 'external', actualVersion: '0.0.1' })
  })

  test('that does not exist where it was said to be is named', async () => {
    await using world = await newWorld()

    const failure = await failureOf(world, ['serve', '--opencode-bin', './missing', '--allow-external'])

    expect(failure.exitCode).not.toBe(0)
    expect(failure.error).toContain(join(world.workspace, 'missing'))
  })
})

async function occupied() {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}
