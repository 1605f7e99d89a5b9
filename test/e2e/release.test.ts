// What the release's side writes, read by the sides that people use: the installer, and a host that downloads.
import { expect, test } from 'bun:test'
import { createReadStream } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { createTar } from 'nanotar'
import { hashFile } from '../../build/release/checksums.ts'
import { renderInstaller } from '../../build/release/installer.ts'
import { releaseManifest } from '../../build/release/manifest.ts'
import { addOpencodeArchives } from '../../build/release/opencode-archives.ts'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { OPENCODE_PINS } from '../../src/sidecars/pins/opencode-pins.generated.ts'
import { findMachine, planTarget } from '../../src/sidecars/pins/target.ts'
import { executableAsset, MANIFEST_FILE, platformName } from '../../src/sidecars/release/release.ts'
import { startMirror } from '../fixtures/mirror.ts'
import { newWorld, OPENWORK, ROOT } from './harness.ts'

const machine = await findMachine()
if (!machine) throw new Error('no release for this machine')

test.skipIf(process.platform === 'win32')(
  'from the files of a release the installer makes a host, and the host its programs',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openwork-release-'))
    await using world = await newWorld()
    try {
      const asset = executableAsset(machine)
      await copyFile(OPENWORK, join(folder, asset))
      const [name = ''] = planTarget(machine, OPENCODE_PINS, {}).packages
      const pin = OPENCODE_PINS.packages[name]
      if (!pin) throw new Error(`no pin of ${name}`)
      await packOpencode(name, pin.file, join(folder, `${name}-${OPENCODE_VERSION}.tgz`))
      const executables = [{ name: asset, platform: machine, ...(await hashFile(join(folder, asset))) }]
      const archives = await addOpencodeArchives(folder, { version: OPENCODE_VERSION, packages: { [name]: pin } })
      const manifest = releaseManifest({
        version: VERSION,
        generatedAt: new Date(0),
        executables,
        opencode: { version: OPENCODE_VERSION, archives },
      })
      const installer = renderInstaller(await readFile(join(ROOT, 'scripts', 'install.sh'), 'utf8'), {
        version: VERSION,
        executables,
      })
      await using mirror = await startMirror({
        [`/${MANIFEST_FILE}`]: (_, reply) => reply.end(JSON.stringify(manifest)),
        [`/${asset}`]: (_, reply) => createReadStream(join(folder, asset)).pipe(reply),
        [`/${archives[0]?.name}`]: (_, reply) => createReadStream(join(folder, archives[0]?.name ?? '')).pipe(reply),
      })

      const installed = Bun.spawn(['/bin/sh', '-s', '--', '--dir', join(folder, 'bin')], {
        env: { PATH: process.env.PATH, HOME: world.home, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin },
        stdin: new Blob([installer]),
        stdout: 'ignore',
        stderr: 'pipe',
      })
      expect(await installed.stderr.text()).toBe('')
      const program = [join(folder, 'bin', 'openwork')] as const
      const run = async (name: string, flag: string) =>
        (await world.run([flag], { program: [join(folder, 'bin', name)] })).stdout
      expect(await run('openwork', '--version')).toBe(`${VERSION}\n`)
      expect(await run('openwork-orchestrator', '--help')).toBe(await run('openwork', '--help'))
      expect(await run('openwork-server', '--help')).not.toBe(await run('openwork', '--help'))

      const sources = ['--sidecar-source', 'downloaded', '--opencode-source', 'downloaded']
      const host = await world.serve(['--sidecar-base-url', mirror.origin, ...sources], { program })
      expect(host.document.diagnostics.binaries.opencode).toMatchObject({
        source: 'downloaded',
        actualVersion: OPENCODE_VERSION,
      })
      expect(await host.status('/opencode/session')).toBe(200)
      expect(host.document.diagnostics.sidecar.target).toBe(platformName(machine))
      await host.stop()
      expect(mirror.requests.map(({ path }) => path).sort()).toEqual(
        [`/${MANIFEST_FILE}`, `/${archives[0]?.name}`, `/${asset}`, `/${asset}`].sort(),
      )
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
  120_000,
)

/** As the registry would have it, from the development dependency, with the least compression. */
async function packOpencode(name: string, file: string, path: string): Promise<void> {
  const data = await readFile(join(ROOT, 'node_modules', name, 'bin', file))
  await writeFile(path, await promisify(gzip)(createTar([{ name: `package/bin/${file}`, data }]), { level: 1 }))
}
