import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFile, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import { OPENWORK } from '../e2e/harness.ts'
import { fillHostileFolder } from '../fixtures/hostile-folder.ts'

const ROOT = join(import.meta.dir, '..', '..')
const BIN = dirname(OPENWORK)
const LIMIT_MS = 20_000

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-programs-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function run(command: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const env = { PATH: process.env.PATH, HOME: folder, ...options.env }
  const ended = Bun.spawnSync([...command], { cwd: options.cwd ?? folder, env, timeout: LIMIT_MS })
  return { code: ended.exitCode, stdout: ended.stdout.toString(), stderr: ended.stderr.toString() }
}

describe('the one executable', () => {
  test('has its other names beside it, as the same file', async () => {
    for (const name of ['openwork-server', 'opencode-router'])
      expect((await stat(join(BIN, name))).ino).toBe((await stat(OPENWORK)).ino)
  })

  test('is the program it is called by: hard link, symbolic link, copy, path or found in PATH', async () => {
    const links = join(folder, 'links')
    const copies = join(folder, 'copies')
    for (const each of [links, copies]) await mkdir(each)
    await symlink(OPENWORK, join(links, 'openwork-server'))
    await copyFile(OPENWORK, join(copies, 'openwork-server'))
    const help = run([OPENWORK, 'openwork-server', '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toContain('openwork-server')
    expect(help.stdout).not.toBe(run([OPENWORK, '--help']).stdout)

    for (const place of [BIN, links, copies]) {
      expect(run([join(place, 'openwork-server'), '--help'])).toEqual(help)
      expect(run(['/bin/sh', '-c', 'openwork-server --help'], { env: { PATH: place } })).toEqual(help)
    }
  })

  test('tells its version under either name', () => {
    const version = { code: 0, stdout: `${VERSION}\n`, stderr: '' }
    expect(run([OPENWORK, '--version'])).toEqual(version)
    expect(run([join(BIN, 'openwork-server'), '--version'])).toEqual(version)
  })

  test('says as opencode-router that it does not exist yet', () => {
    for (const command of [[join(BIN, 'opencode-router')], [OPENWORK, 'opencode-router', 'start']]) {
      const { code, stdout, stderr } = run(command)
      expect(code).toBe(1)
      expect(stdout).toBe('')
      expect(stderr).toMatch(/^opencode-router: .*not part of this version/)
    }
  })
})

describe('a hostile folder', () => {
  let hostile: string

  beforeAll(async () => {
    hostile = join(folder, 'hostile')
    await mkdir(hostile)
    // Each would show: another data dir in the message, a probe of another host, a complaint about a bad value.
    await fillHostileFolder(hostile, {
      OPENWORK_DATA_DIR: join(hostile, 'data'),
      OPENWORK_URL: 'http://127.0.0.1:9',
      OPENWORK_TOKEN: 'evil',
      OPENWORK_HOST_TOKEN: 'evil',
    })
  })

  const sourceEntry = join(ROOT, 'scripts', 'start.mjs')
  test.each([
    ['the executable', [OPENWORK]],
    ['npm start', [Bun.which('node') ?? 'node', sourceEntry]],
  ])('does not configure %s', (_, program) => {
    const { code, stdout, stderr } = run([...program, 'status', '--json'], {
      cwd: hostile,
      env: { INIT_CWD: hostile },
    })

    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: 'no_running_host' })
    expect(stdout + stderr).not.toContain('hostile')
    expect(code).not.toBe(0)
  })
})
