import { expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashFile } from '../../build/release/checksums.ts'
import { renderInstaller } from '../../build/release/installer.ts'
import { VERSION } from '../../src/shared/version.ts'
import { executableAsset } from '../../src/sidecars/release.ts'
import { findMachine } from '../../src/sidecars/target.ts'
import { good, startMirror } from '../fixtures/mirror.ts'
import { OPENWORK, ROOT } from './harness.ts'

test.skipIf(process.platform === 'win32')(
  'what the installer installs are the three programs',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwork-install-'))
    try {
      const machine = await findMachine()
      if (!machine) throw new Error('no release for this machine')
      const name = executableAsset(machine)
      await using mirror = await startMirror({ [`/${name}`]: good(await readFile(OPENWORK)) })
      const executables = [{ name, ...(await hashFile(OPENWORK)) }]
      const template = await readFile(join(ROOT, 'scripts', 'install.sh'), 'utf8')
      const installer = Bun.spawn(['/bin/sh', '-s', '--', '--dir', join(folder, 'bin')], {
        env: { PATH: process.env.PATH, HOME: folder, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin },
        stdin: new Blob([renderInstaller(template, { version: VERSION, executables })]),
        stdout: 'ignore',
        stderr: 'pipe',
        timeout: 60_000,
      })
      expect(await installer.stderr.text()).toBe('')
      expect(await installer.exited).toBe(0)

      const run = (program: string, flag: string): string =>
        Bun.spawnSync([join(folder, 'bin', program), flag], { env: { HOME: folder } }).stdout.toString()
      expect(run('openwork', '--version')).toBe(`${VERSION}\n`)
      expect(run('openwork-orchestrator', '--help')).toBe(run('openwork', '--help'))
      expect(run('openwork-server', '--help')).toContain('openwork-server')
      expect(run('openwork-server', '--help')).not.toBe(run('openwork', '--help'))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
  60_000,
)
