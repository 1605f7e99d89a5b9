import { expect, test } from 'bun:test'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '..', '..')
const LIMIT_MS = 20_000
const COMMANDS: Record<string, { file: string; wrong?: string[][] }> = {
  build: {
    file: 'build/compile.ts',
    wrong: [
      ['--target', 'bun-plan9-x64'],
      ['--target', 'bun-linux-x64', '--target', 'bun-linux-arm64', '--filename', 'one'],
    ],
  },
  'build:all': { file: 'build/all.ts', wrong: [['--target', 'bun-plan9-x64']] },
  pack: { file: 'build/pack.ts', wrong: [['dist/npm']] },
  'build:bundled': { file: 'build/bundled.ts' },
  'build:release-files': { file: 'build/release-files.ts' },
  'release:check': { file: 'scripts/release-check.ts' },
  'publish:npm': { file: 'scripts/publish-npm.ts' },
  'pin:opencode': { file: 'scripts/pin-opencode.ts', wrong: [[], ['latest'], ['1.18.33', '1.18.34']] },
}

function run(file: string, args: string[]) {
  const ended = Bun.spawnSync([process.execPath, join(ROOT, file), ...args], { cwd: ROOT, timeout: LIMIT_MS })
  return { code: ended.exitCode, stdout: ended.stdout.toString(), stderr: ended.stderr.toString() }
}

test.each(Object.entries(COMMANDS))('npm run %s tells how it is used', (name, { file }) => {
  const { code, stdout, stderr } = run(file, ['--help'])

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(new RegExp(`^Usage: npm run ${name}(?: --|,) `))
})

test.each(
  Object.entries(COMMANDS).flatMap(([name, { file, wrong = [] }]) =>
    [['--no-such-option'], ...wrong].map(args => [name, args, file] as const),
  ),
)('npm run %s -- %j says what is wrong, and nothing of its own code', (name, args, file) => {
  const { code, stdout, stderr } = run(file, [...args])

  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr.trim().split('\n')).toEqual([expect.any(String), expect.stringContaining(`Usage: npm run ${name}`)])
})

test('every command named here is a script of package.json', async () => {
  const { scripts } = await Bun.file(join(ROOT, 'package.json')).json()
  for (const [name, { file }] of Object.entries(COMMANDS)) expect(scripts[name]).toContain(file)
})
