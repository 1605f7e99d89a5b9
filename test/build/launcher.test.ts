import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TEMPLATE = join(import.meta.dir, '..', '..', 'npm', 'openwork-orchestrator')
const PLATFORM = process.platform === 'win32' ? 'windows' : process.platform
const PACKAGE = `openwork-orchestrator-${PLATFORM}-${process.arch}`
const NODE = Bun.which('node') ?? 'node'
const LIMIT_MS = 20_000

let modules: string
let launcher: string

beforeAll(async () => {
  modules = join(await mkdtemp(join(tmpdir(), 'openwork-launcher-')), 'node_modules')
  await cp(TEMPLATE, join(modules, 'openwork-orchestrator'), { recursive: true })
  launcher = join(modules, 'openwork-orchestrator', 'bin', 'openwork.cjs')
})

afterAll(() => rm(join(modules, '..'), { recursive: true, force: true }))

/** The launcher with Bun as its executable: what it runs is then whatever the test says. */
function launch(program: string, ...args: string[]) {
  return Bun.spawn([NODE, launcher, '-e', program, ...args], {
    env: { PATH: process.env.PATH, OPENWORK_ORCHESTRATOR_BIN_PATH: process.execPath },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
}

async function launchFor(env: Record<string, string>) {
  const child = Bun.spawn([NODE, launcher, '--version'], { env: { PATH: process.env.PATH, ...env }, stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, stdout, stderr }
}

/** Something to run under the name of the executable; it says which it is. */
async function installExecutable(folder: string, says: string) {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'openwork'), `#!/bin/sh\necho ${says} "$@"\n`)
  await chmod(join(folder, 'openwork'), 0o755)
}

describe('the npm launcher', () => {
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

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('forwards %s and waits for the answer to it', async signal => {
    const child = launch(
      `process.on('${signal}', () => { console.log('stopping'); process.exit(5) }); console.log('ready'); setInterval(() => {}, 1e6)`,
    )
    const output = child.stdout.values()
    expect(new TextDecoder().decode((await output.next()).value)).toBe('ready\n')

    child.kill(signal)

    expect(new TextDecoder().decode((await output.next()).value)).toBe('stopping\n')
    expect(await child.exited).toBe(5)
  })

  test('ends with 128+n when signal n ended the executable', async () => {
    expect(await launch('process.kill(process.pid, "SIGKILL")').exited).toBe(137)
    expect(await launch('process.kill(process.pid, "SIGTERM")').exited).toBe(143)
  })

  test('names the package to install when there is no executable', async () => {
    const { code, stdout, stderr } = await launchFor({})

    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toStartWith(`openwork: the package ${PACKAGE}`)
    expect(stderr).toContain('npm install -g')
  })

  test('tells when the executable it was told to run is missing, or does not run', async () => {
    const missing = await launchFor({ OPENWORK_ORCHESTRATOR_BIN_PATH: join(modules, 'no-such-file') })
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain('OPENWORK_ORCHESTRATOR_BIN_PATH')
    expect(missing.stderr).toContain('no-such-file, which does not exist')

    const text = join(modules, 'text')
    await writeFile(text, 'not a program')
    const notExecutable = await launchFor({ OPENWORK_ORCHESTRATOR_BIN_PATH: text })
    expect(notExecutable.code).toBe(1)
    expect(notExecutable.stderr).toContain(`${text} does not start`)
  })

  test.skipIf(process.platform === 'win32')(
    'runs a named executable before that of the platform package, and that before a downloaded one',
    async () => {
      const downloaded = join(modules, 'openwork-orchestrator', 'dist', 'bin')
      const platform = join(modules, PACKAGE)
      const named = join(modules, 'named')

      await installExecutable(downloaded, 'downloaded')
      expect((await launchFor({})).stdout).toBe('downloaded --version\n')

      await installExecutable(join(platform, 'bin'), 'platform')
      await writeFile(join(platform, 'package.json'), JSON.stringify({ name: PACKAGE, version: '0.0.0' }))
      expect((await launchFor({})).stdout).toBe('platform --version\n')

      await installExecutable(named, 'named')
      const { stdout } = await launchFor({ OPENWORK_ORCHESTRATOR_BIN_PATH: join(named, 'openwork') })
      expect(stdout).toBe('named --version\n')
    },
  )
})
