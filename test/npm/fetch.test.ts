import { describe, expect, test } from 'bun:test'
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { VERSION } from '../../src/shared/version.ts'
import { type Answer, endless, good, type Mirror, redirect, startMirror, status } from '../fixtures/mirror.ts'
import { startNpmRegistry } from '../fixtures/npm-registry.ts'
import { leftIn, makeOlder } from './left-in.ts'
import { ASSET, NODE, newPackageFolder, PLATFORM, PLATFORM_PACKAGE, PROGRAM, WITHOUT_NPM } from './package-folder.ts'
import { runToEnd } from './run-to-end.ts'

const BYTES = new TextEncoder().encode(PROGRAM)
const isRoot = process.getuid?.() === 0

const mirrorOf = (answer: Answer): Promise<Mirror> => startMirror({ [ASSET]: answer })
const from = (mirror: Mirror): Record<string, string> => ({ OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin })

describe('a launcher without its platform package', () => {
  test('fetches the executable at its first run, and at no later one', async () => {
    await using mirror = await mirrorOf(good(BYTES))
    await using folder = await newPackageFolder()

    const first = await folder.launch(['a', 'b c'], { env: from(mirror) })
    expect(first).toMatchObject({ code: 0, stdout: 'program a b c\n' })
    expect(first.stderr).toBe(`Fetching openwork ${VERSION} from ${new URL(mirror.origin).host} (0 MB)\n`)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
    expect((await stat(folder.fetched.inPackage)).mode & 0o777).toBe(0o755)

    expect(await folder.launch(['again'])).toEqual({ code: 0, stdout: 'program again\n', stderr: '' })
    expect(mirror.requests).toHaveLength(1)
  })

  test.skipIf(Bun.which('script') === null)(
    'shows how far it is in a terminal, and takes that away again (needs the program `script`)',
    async () => {
      await using mirror = await mirrorOf(good(BYTES))
      await using folder = await newPackageFolder()

      const command = `'${NODE}' '${join(folder.meta, 'bin', 'openwork.cjs')}' x`
      const terminal = Bun.spawn(['script', '-qec', command, '/dev/null'], {
        env: { ...folder.env, ...from(mirror) },
        stdio: ['ignore', 'pipe', 'inherit'],
      })

      const shown = (await terminal.stdout.text()).split('\r\x1b[K').slice(1)
      expect(shown[0]).toMatch(/^Fetching openwork \S+ from 127\.0\.0\.1:\d+, \d s$/)
      expect(shown.at(-2)).toMatch(/^Fetching openwork \S+ from 127\.0\.0\.1:\d+(: 0 of 0 MB)?, \d s$/)
      expect(shown.at(-1)).toBe('program x\r\n')
    },
  )

  test('drops the slashes at the end of a mirror, and follows its redirects', async () => {
    await using mirror = await startMirror({
      [`/deep${ASSET}`]: redirect('/elsewhere', 307),
      '/elsewhere': good(BYTES),
    })
    await using folder = await newPackageFolder()

    const env = { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: `${mirror.origin}/deep//` }
    expect(await folder.launch(['x'], { env })).toMatchObject({ code: 0, stdout: 'program x\n' })
  })

  test.concurrent.each<[string, Answer, string]>([
    ['does not have it', status(404), 'HTTP 404'],
    ['sends other bytes', good(new Uint8Array(BYTES.length)), 'sent other bytes than were released: SHA-256 '],
    ['has too few', good(BYTES.slice(1)), `has ${BYTES.length - 1} bytes, expected ${BYTES.length}`],
    ['sends too many', endless(), `sends more than the expected ${BYTES.length} bytes`],
    ['redirects for ever', redirect(ASSET), 'redirects more than 5 times'],
    ['redirects to a stranger’s plain http', redirect('http://mirror.example/openwork'), 'is not https'],
    ['redirects to a file', redirect('file:///etc/hostname'), 'is not https'],
  ])('runs nothing from a mirror that %s, says so, and names the ways out', async (_, answer, reason) => {
    await using mirror = await mirrorOf(answer)
    await using folder = await newPackageFolder()

    const { code, stdout, stderr } = await folder.launch(['x'], { env: { ...from(mirror), ...WITHOUT_NPM } })

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`openwork: the executable for this machine (${PLATFORM}) is not installed`)
    expect(stderr).toContain(`${mirror.url(ASSET)}: ${reason}`)
    expect(stderr).toContain(`npm pack ${PLATFORM_PACKAGE}@${VERSION}: there is no npm on PATH`)
    expect(stderr).toContain('with its optional dependencies (npm: --include=optional)')
    expect(stderr).toContain('OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL')
    expect(stderr).not.toContain('    at ') // a stack
    expect(await leftIn(folder.fetched.inPackage)).toEqual([])
  })

  test('takes the file of a folder', async () => {
    await using folder = await newPackageFolder()
    await writeFile(join(folder.root, ASSET), PROGRAM)

    const env = { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: pathToFileURL(folder.root).href }
    expect(await folder.launch(['x'], { env })).toMatchObject({ code: 0, stdout: 'program x\n' })
  })

  test('tells in one line why npm had no other, and does not let it try for long', async () => {
    await using mirror = await mirrorOf(status(404))
    await using folder = await newPackageFolder()
    const refused = 'request to http://127.0.0.1:1/x failed, reason: connect ECONNREFUSED 127.0.0.1:1'
    await writeFile(
      join(folder.root, 'npm'),
      `#!/bin/sh\necho "$@" > '${join(folder.root, 'asked')}'
printf 'npm error %s\\n' 'code ECONNREFUSED' 'syscall connect' 'FetchError: ${refused}' '    at f (a.js:1)' '  port: 1' >&2
exit 1\n`,
      { mode: 0o755 },
    )

    const env = { ...from(mirror), PATH: `${folder.root}:${folder.env.PATH}` }
    const { stderr } = await folder.launch(['x'], { env })

    expect(stderr).toContain(`\n  npm pack ${PLATFORM_PACKAGE}@${VERSION}: ${refused}\n`)
    expect(await readFile(join(folder.root, 'asked'), 'utf8')).toMatch(/ --fetch-retries=1 .*--fetch-timeout=\d+/)
  })

  test.concurrent('asks the registry of the user’s npm when the mirror fails', async () => {
    await using mirror = await mirrorOf(status(410))
    await using registry = await startNpmRegistry()
    await using folder = await newPackageFolder()
    await registry.publish(folder.platform)

    const run = await folder.launch(['x'], { env: { ...from(mirror), npm_config_registry: registry.url } })

    expect(run).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(registry.requests[0]).toBe(`/${PLATFORM_PACKAGE}`)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
  })

  test.concurrent('runs nothing from a registry whose package holds another executable', async () => {
    await using registry = await startNpmRegistry()
    await using folder = await newPackageFolder()
    await writeFile(join(folder.platform, 'bin', 'openwork'), PROGRAM.replace('program', 'malware'))
    await registry.publish(folder.platform)

    const { code, stdout, stderr } = await folder.launch(['x'], { env: { npm_config_registry: registry.url } })

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/npm pack openwork-orchestrator-\S+: sent other bytes than were released/)
  })

  test.concurrent('shows no password of a mirror or proxy', async () => {
    await using mirror = await mirrorOf(status(401))
    await using folder = await newPackageFolder()

    const withPassword = mirror.origin.replace('://', '://me:secret-word@')
    const env = { OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: withPassword, ...WITHOUT_NPM }
    const { stderr } = await folder.launch(['x'], { env })

    expect(stderr).toContain('HTTP 401')
    expect(stderr).not.toContain('secret-word')
    expect(mirror.requests[0]?.headers.authorization).toBe(`Basic ${btoa('me:secret-word')}`)
  })

  test('fetches once when five start at the same time', async () => {
    await using mirror = await mirrorOf(good(BYTES))
    await using folder = await newPackageFolder()

    const runs = await Promise.all(['1', '2', '3', '4', '5'].map(each => folder.launch([each], { env: from(mirror) })))

    expect(runs.map(({ stdout }) => stdout)).toEqual(['1', '2', '3', '4', '5'].map(each => `program ${each}\n`))
    expect(mirror.requests).toHaveLength(1)
    expect(await leftIn(folder.fetched.inPackage)).toEqual(['openwork'])
  })

  test('fetches again when the executable has not its size', async () => {
    await using mirror = await mirrorOf(good(BYTES))
    await using folder = await newPackageFolder()
    await mkdir(dirname(folder.fetched.inPackage), { recursive: true })
    await writeFile(folder.fetched.inPackage, '#!/bin/sh\necho half', { mode: 0o755 })

    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject({ code: 0, stdout: 'program x\n' })
  })

  test('keeps the newest other version there, and no older one', async () => {
    await using mirror = await mirrorOf(good(BYTES))
    await using folder = await newPackageFolder()
    await writeFile(join(folder.meta, 'dist'), '')
    const data = join(folder.root, 'data')
    for (const [name, age] of [
      ['0.1.0', 30],
      ['0.10.0', 10],
      ['0.2.0', 20],
      ['notes', 40],
    ] as const) {
      await mkdir(join(data, 'bin', name), { recursive: true })
      await writeFile(join(data, 'bin', name, 'openwork'), '')
      await makeOlder(join(data, 'bin', name), age * 60)
    }

    const env = { ...from(mirror), OPENWORK_DATA_DIR: data }
    expect(await folder.launch(['x'], { env })).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect((await readdir(join(data, 'bin'))).sort()).toEqual(['0.10.0', VERSION, 'notes'])
    expect(await folder.launch(['y'], { env })).toEqual({ code: 0, stdout: 'program y\n', stderr: '' })
    expect(await readdir(folder.home)).toEqual([])
  })

  test('puts it into the home folder when the package cannot be written', async () => {
    await using mirror = await mirrorOf(good(BYTES))
    await using folder = await newPackageFolder()
    await writeFile(join(folder.meta, 'dist'), 'where a folder should be: no permission stops root')

    expect(await folder.launch(['x'], { env: from(mirror) })).toMatchObject({ code: 0, stdout: 'program x\n' })
    expect(await leftIn(folder.fetched.inHome)).toEqual(['openwork'])
    expect((await folder.launch(['y'])).stdout).toBe('program y\n')
    expect((await stat(join(folder.home, '.openwork', 'openwork-orchestrator'))).mode & 0o777).toBe(0o700)
  })

  test.skipIf(isRoot && Bun.which('setpriv') === null)(
    'does so for a package that belongs to somebody else (root needs the program `setpriv` to be somebody else)',
    async () => {
      await using mirror = await mirrorOf(good(BYTES))
      await using folder = await newPackageFolder()
      Bun.spawnSync(['chmod', '-R', 'a+rX,a-w', folder.root])
      await chmod(folder.home, 0o700)
      if (isRoot) await chown(folder.home, 65_534, 65_534)
      const nobody = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []

      const argv = [...nobody, NODE, join(folder.meta, 'bin', 'openwork.cjs'), 'x']
      const run = await runToEnd(argv, { cwd: folder.root, env: { ...folder.env, ...from(mirror) } })
      Bun.spawnSync(['chmod', '-R', 'u+w', folder.root]) // or nobody but root could remove it

      expect(run).toMatchObject({ code: 0, stdout: 'program x\n' })
      expect(await leftIn(folder.fetched.inHome)).toEqual(['openwork'])
    },
  )

  test.skipIf(!isRoot)(
    'runs nothing from a data folder that is somebody else’s, and puts nothing there (only root can make one)',
    async () => {
      await using mirror = await mirrorOf(good(BYTES))
      await using folder = await newPackageFolder()
      await writeFile(join(folder.meta, 'dist'), '')
      const planted = folder.fetched.inHome
      await mkdir(dirname(planted), { recursive: true })
      await writeFile(planted, PROGRAM.replaceAll('program', 'planted'), { mode: 0o755 })
      await chown(dirname(planted), 65_534, 65_534)

      const { code, stdout, stderr } = await folder.launch(['x'], { env: from(mirror) })

      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(`${dirname(planted)}: ${dirname(planted)} belongs to another user (65534)`)
    },
  )

  test('says which folders it tried when none can be written', async () => {
    await using folder = await newPackageFolder()
    await writeFile(join(folder.meta, 'dist'), '')
    await rm(folder.home, { recursive: true })
    await writeFile(folder.home, '')

    const { code, stderr } = await folder.launch(['x'])

    expect(code).toBe(1)
    expect(stderr).toContain('there is no place to put it')
    expect(stderr).toContain(`${dirname(folder.fetched.inPackage)}: `)
    expect(stderr).toContain(`${dirname(folder.fetched.inHome)}: ENOTDIR`)
  })

  test('says which platforms there are when this is none of them', async () => {
    await using folder = await newPackageFolder()
    await writeFile(join(folder.meta, 'checksums.json'), '{"plan9-mips":{}}')

    const { code, stderr } = await folder.launch(['x'])

    expect(code).toBe(1)
    expect(stderr).toContain(`has no executable for ${PLATFORM}, only for plan9-mips\n`)
    expect(stderr).toContain('OPENWORK_ORCHESTRATOR_BIN_PATH')
  })
})
