import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmPack } from '../../build/npm.ts'
import { assemblePackages } from '../../build/packages.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/target.ts'
import { OPENWORK } from './harness.ts'

test('the packed npm packages install offline, and both commands run', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-npm-'))
  try {
    const machine = await findMachine()
    if (!machine) throw new Error('no package for this machine')
    const packages = join(folder, 'packages')
    const prefix = join(folder, 'prefix')
    await mkdir(prefix)

    const folders = await assemblePackages(packages, [{ ...machine, executable: OPENWORK }])
    const tarballs: string[] = []
    for (const each of folders) tarballs.push(join(packages, await npmPack(each, packages)))
    const installed = Bun.spawnSync(
      [
        Bun.which('npm') ?? 'npm',
        'install',
        '--global',
        '--offline',
        `--prefix=${prefix}`,
        `--cache=${join(folder, 'cache')}`,
        ...tarballs,
      ],
      { cwd: folder, env: { PATH: process.env.PATH, HOME: folder }, timeout: 60_000 },
    )
    expect(installed.stderr.toString()).not.toContain('npm error')
    expect(installed.exitCode).toBe(0)

    const bin = process.platform === 'win32' ? prefix : join(prefix, 'bin')
    if (process.platform !== 'win32') expect((await readdir(bin)).sort()).toEqual(['openwork', 'openwork-orchestrator'])
    for (const command of ['openwork', 'openwork-orchestrator']) {
      const program = Bun.which(command, { PATH: bin })
      expect(program).not.toBeNull()
      const ran = Bun.spawnSync([program ?? command, '--version'], { cwd: folder, timeout: 20_000 })
      expect(ran.stdout.toString()).toBe(`${VERSION}\n`)
      expect(ran.exitCode).toBe(0)
    }
    const manifest = await readFile(join(folders.at(-1) ?? '', 'package.json'), 'utf8')
    expect(JSON.parse(manifest)).toMatchObject({ name: 'openwork-orchestrator', version: VERSION })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)
