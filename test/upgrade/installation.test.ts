import { expect, test } from 'bun:test'
import { parseInstallation } from '../../src/upgrade/installation.ts'
import { installCommand, shown } from '../../src/upgrade/managers.ts'
import { isNewer, parseVersion } from '../../src/upgrade/version-order.ts'
import { failure } from '../sidecars/kit.ts'

const PLATFORM = 'openwork-orchestrator-linux-x64/bin/openwork'
const INSIDE = `openwork-orchestrator/node_modules/${PLATFORM}`

const INSTALLATIONS: [what: string, path: string, files: string[], expected: object][] = [
  ['the shell installer', '/home/me/.local/bin/openwork', [], { kind: 'standalone' }],
  ['a copy under another name', '/opt/tools/ow-next', [], { kind: 'standalone' }],
  ['npm, global', `/usr/lib/node_modules/${INSIDE}`, [], { kind: 'managed', manager: 'npm', prefix: '/usr' }],
  [
    'npm under nvm, launcher replaced by the executable',
    '/home/me/.nvm/versions/node/v24.1.0/lib/node_modules/openwork-orchestrator/bin/openwork.cjs',
    [],
    { kind: 'managed', manager: 'npm', prefix: '/home/me/.nvm/versions/node/v24.1.0' },
  ],
  [
    'npm, executable fetched by the postinstall script',
    '/usr/local/lib/node_modules/openwork-orchestrator/dist/bin/openwork',
    [],
    { kind: 'managed', manager: 'npm', prefix: '/usr/local' },
  ],
  [
    'npm on Windows',
    'C:\\Users\\me\\AppData\\Roaming\\npm\\node_modules\\openwork-orchestrator-windows-x64\\bin\\openwork.exe',
    [],
    { kind: 'managed', manager: 'npm', prefix: 'C:/Users/me/AppData/Roaming/npm' },
  ],
  [
    'pnpm, global',
    `/home/me/.local/share/pnpm/global/5/.pnpm/openwork-orchestrator-linux-x64@0.19.0/node_modules/${PLATFORM}`,
    ['/home/me/.local/share/pnpm/global/5/package.json'],
    { kind: 'managed', manager: 'pnpm' },
  ],
  [
    'pnpm, global, in a folder of its own choosing',
    `/data/tools/global/v11/1a2b/node_modules/.pnpm/openwork-orchestrator-linux-x64@0.19.0/node_modules/${PLATFORM}`,
    ['/data/tools/global/v11/1a2b/package.json'],
    { kind: 'managed', manager: 'pnpm' },
  ],
  [
    'pnpm 12, global, with its files in the store',
    `/data/pnpm/store/v11/links/@/openwork-orchestrator-linux-x64/0.19.0/b14ec4/node_modules/${PLATFORM}`,
    [],
    { kind: 'managed', manager: 'pnpm' },
  ],
  [
    'yarn 1, global, by root',
    `/usr/local/share/.config/yarn/global/node_modules/${PLATFORM}`,
    ['/usr/local/share/.config/yarn/global/package.json'],
    { kind: 'managed', manager: 'yarn' },
  ],
  [
    'bun, global',
    `/home/me/.bun/install/global/node_modules/${PLATFORM}`,
    ['/home/me/.bun/install/global/package.json'],
    { kind: 'managed', manager: 'bun' },
  ],
  [
    'yarn 1, global',
    `/home/me/.config/yarn/global/node_modules/${PLATFORM}`,
    ['/home/me/.config/yarn/global/package.json'],
    { kind: 'managed', manager: 'yarn' },
  ],
  [
    'a dependency of a project',
    `/work/app/node_modules/${PLATFORM}`,
    ['/work/app/package.json'],
    { kind: 'foreign', name: 'project', what: 'a dependency of the project /work/app' },
  ],
  [
    'a dependency of a project, by pnpm',
    `/work/app/node_modules/.pnpm/openwork-orchestrator-linux-x64@0.19.0/node_modules/${PLATFORM}`,
    ['/work/app/package.json'],
    { kind: 'foreign', name: 'project' },
  ],
  [
    "a dependency of a project, by yarn's Plug'n'Play",
    `/work/app/.yarn/unplugged/openwork-orchestrator-linux-x64-npm-0.19.0-1a2b3c/node_modules/${PLATFORM}`,
    ['/work/app/package.json'],
    { kind: 'foreign', name: 'project' },
  ],
  [
    'one call of npx',
    `/home/me/.npm/_npx/1a2b3c/node_modules/${PLATFORM}`,
    ['/home/me/.npm/_npx/1a2b3c/package.json'],
    { kind: 'foreign', name: 'temporary' },
  ],
  [
    'fetched by the launcher into the home folder',
    '/home/me/.openwork/openwork-orchestrator/bin/0.19.0/openwork',
    [],
    { kind: 'foreign', name: 'launcher' },
  ],
  [
    'Homebrew',
    '/opt/homebrew/Cellar/openwork/0.19.0/bin/openwork',
    [],
    { kind: 'foreign', name: 'homebrew', advice: 'Run `brew upgrade openwork`.' },
  ],
  [
    'built in a checkout',
    '/work/openwork/dist/bin/openwork',
    ['/work/openwork/src/bin/openwork.ts'],
    { kind: 'foreign', name: 'checkout' },
  ],
]

for (const [what, path, files, expected] of INSTALLATIONS)
  test(`an openwork of ${what} is seen as that`, () => {
    expect(parseInstallation(path, file => files.includes(file))).toMatchObject(expected)
  })

test('every manager is told its own command', () => {
  expect(shown(installCommand({ manager: 'npm', prefix: '/home/me/my node' }, '1.2.3'))).toBe(
    "npm install --global --prefix '/home/me/my node' openwork-orchestrator@1.2.3",
  )
  expect(shown(installCommand({ manager: 'pnpm' }, '1.2.3'))).toBe('pnpm add --global openwork-orchestrator@1.2.3')
  expect(shown(installCommand({ manager: 'yarn' }, '1.2.3'))).toBe('yarn global add openwork-orchestrator@1.2.3')
  expect(shown(installCommand({ manager: 'bun' }, '1.2.3'))).toBe('bun add --global openwork-orchestrator@1.2.3')
})

test('versions are compared by their numbers', () => {
  const newer: [string, string][] = [
    ['0.20.0', '0.19.9'],
    ['0.10.0', '0.9.0'],
    ['1.0.0', '0.99.99'],
    ['0.19.10', '0.19.9'],
  ]
  for (const [one, other] of newer) expect([isNewer(one, other), isNewer(other, one)]).toEqual([true, false])
  expect(isNewer('0.19.0', '0.19.0')).toBe(false)
})

test('only released versions are taken', async () => {
  expect(parseVersion('v1.2.3', '--to')).toBe('1.2.3')
  for (const text of ['latest', '1.2', '1.2.3-beta.1', '1.2.3; rm -rf /', '', '1.2.3\n4.5.6'])
    expect((await failure((async () => parseVersion(text, '--to'))())).code).toBe('invalid_value')
})
