import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { compileExecutable } from '../../build/executable.ts'
import { linkExecutable } from '../../src/sidecars/download/link-executable.ts'
import { fillHostileFolder } from '../fixtures/hostile-folder.ts'

const ENTRY = join(import.meta.dir, '..', 'fixtures', 'compiled', 'program.ts')
const LIMIT_MS = 30_000

type Report = {
  argv0: string
  execArgv: string[]
  fromDotenv: string | null
  fromBunfig: string | null
  ownDependency: string
  lazyModule: string | null
}

let folder: string
let bin: string
let program: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-build-'))
  bin = join(folder, 'bin')
  program = join(bin, 'program')
  await compileExecutable({ entry: ENTRY, outfile: program })
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

function run(command: string, args: string[], cwd = folder) {
  const env = { PATH: `${bin}${delimiter}${process.env.PATH}` }
  const ended = Bun.spawnSync([command, ...args], { cwd, env, timeout: LIMIT_MS })
  return { code: ended.exitCode, stdout: ended.stdout.toString(), stderr: ended.stderr.toString() }
}

const reported = (command: string, cwd?: string): Report => JSON.parse(run(command, ['reports'], cwd).stdout)

describe('a compiled program', () => {
  test('takes nothing from the folder it is started in', async () => {
    const hostile = join(folder, 'hostile')
    await mkdir(hostile)
    await fillHostileFolder(hostile, { FIXTURE_FROM_DOTENV: 'evil' })

    expect(reported(program, hostile)).toEqual({
      argv0: program,
      execArgv: [],
      fromDotenv: null,
      fromBunfig: null,
      ownDependency: 'function',
      lazyModule: null,
    })
    const unprotected = run(process.execPath, [ENTRY, 'reports'], hostile)
    expect(unprotected.stdout).toContain('hostile module ran') // the folder does bite
  })

  test('has a stack trace that names the source files, wherever the executable was moved', async () => {
    const moved = join(folder, 'moved')
    await copyFile(program, moved)

    const { code, stderr } = run(moved, ['throws'])

    expect(code).toBe(1)
    expect(stderr).toContain('TypeError: an internal error of the fixture')
    expect(stderr).toMatch(/at throwDeep \(test\/fixtures\/compiled\/throws\.ts:5:\d+\)/)
    expect(stderr).toMatch(/at .*test\/fixtures\/compiled\/program\.ts:9:\d+/)
  })

  test('does not run a module behind a dynamic import before it is asked for', () => {
    expect(reported(program).lazyModule).toBeNull()
  })

  test('sees the name it was started by: hard link, symbolic link and copy, with a path or found in PATH', async () => {
    await linkExecutable(program, 'by-hard-link')
    await symlink(program, join(bin, 'by-symbolic-link'))
    await copyFile(program, join(bin, 'by-copy'))

    for (const name of ['by-hard-link', 'by-symbolic-link', 'by-copy']) {
      expect(reported(join(bin, name)).argv0).toBe(join(bin, name))
      expect(reported(name).argv0).toBe(name)
    }
    expect((await stat(join(bin, 'by-hard-link'))).ino).toBe((await stat(program)).ino)
  })

  test('can be built again while it runs, and leaves nothing but itself', async () => {
    const outdir = join(folder, 'again')
    const again = join(outdir, 'program')
    await mkdir(outdir)
    await copyFile(program, again)
    await using running = Bun.spawn([again, 'waits'], { stdin: 'pipe', stdout: 'pipe' })
    const output = running.stdout.values()
    expect(new TextDecoder().decode((await output.next()).value)).toBe('waiting\n')

    await compileExecutable({ entry: ENTRY, outfile: again })
    await linkExecutable(again, 'other-name')
    await linkExecutable(again, 'other-name')

    expect((await readdir(outdir)).sort()).toEqual(['other-name', 'program'])
    expect(reported(again).argv0).toBe(again)
    running.stdin.end()
    expect(await running.exited).toBe(0)
  }, 120_000)

  test('leaves the old executable in place when its source does not compile', async () => {
    const outdir = join(folder, 'broken')
    const outfile = join(outdir, 'program')
    await mkdir(outdir)
    await copyFile(program, outfile)

    await expect(compileExecutable({ entry: join(folder, 'no-such-entry.ts'), outfile })).rejects.toThrow()

    expect(await readdir(outdir)).toEqual(['program'])
    expect(reported(outfile).argv0).toBe(outfile)
  })
})
