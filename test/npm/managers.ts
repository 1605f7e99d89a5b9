// How each package manager is told to install, as data.
import { join } from 'node:path'
import { fetchTool, type Tool, versionOf } from './tools.ts'

export type Place = 'local' | 'global'

export type Setup = {
  place: Place
  /** Whether install scripts run. Where that is not the manager's default, it is told. */
  scripts: boolean
  /** Whether optional dependencies are installed, and the platform package with them. */
  optional: boolean
}

/** Folders of one case. */
export type Site = {
  home: string
  /** Where a local installation happens; holds an empty package.json. */
  project: string
  /** Where a global one goes. */
  prefix: string
  registry: string
}

export type Manager = {
  name: string
  places: readonly Place[]
  /** Whether install scripts run when nothing is said about them. */
  scriptsByDefault: boolean
  /** Runs under Node 24, because it refuses the Node that we test with otherwise. */
  needsNewNode?: true
  /** Path of its program, and whether that is a script for Node. */
  program(): Promise<{ path: string; isScript: boolean }>
  /** Arguments of an installation of the package. */
  install(setup: Setup, site: Site): string[]
  uninstall(setup: Setup, site: Site): string[]
  /** Added to HOME, PATH and the settings that all understand. */
  env?(site: Site): Record<string, string>
  /** Files of the project, by name. */
  files?(setup: Setup): Record<string, string>
  /** The installed command; a path, unless the manager has none and runs it itself. */
  command(setup: Setup, site: Site): string | { args: string[] }
}

const PACKAGE = 'openwork-orchestrator'
const LOCAL_COMMAND = join('node_modules', '.bin', 'openwork')

const scriptOf = (tool: Tool) => async () => ({ path: await fetchTool(tool), isScript: true })
const programOf = (tool: Tool) => async () => ({ path: await fetchTool(tool), isScript: false })
const when = (condition: boolean, ...args: string[]): string[] => (condition ? args : [])

function npm(tool: 'npm 10' | 'npm 11' | 'npm 12'): Manager {
  const scriptsByDefault = tool !== 'npm 12'
  const place = ({ place }: Setup, { prefix }: Site) => when(place === 'global', '--global', `--prefix=${prefix}`)
  return {
    name: `npm ${versionOf(tool)}`,
    places: ['local', 'global'],
    scriptsByDefault,
    ...(tool === 'npm 12' && { needsNewNode: true }),
    program: scriptOf(tool),
    install: (setup, site) => [
      'install',
      PACKAGE,
      ...place(setup, site),
      ...when(!setup.optional, '--omit=optional'),
      ...when(!setup.scripts && scriptsByDefault, '--ignore-scripts'),
      ...when(setup.scripts && !scriptsByDefault && setup.place === 'global', `--allow-scripts=${PACKAGE}`),
    ],
    uninstall: (setup, site) => ['uninstall', PACKAGE, ...place(setup, site)],
    files: ({ scripts }) => ({
      'package.json': JSON.stringify({
        private: true,
        ...(scripts && !scriptsByDefault && { allowScripts: { [PACKAGE]: true } }),
      }),
    }),
    command: ({ place }, { project, prefix }) =>
      place === 'local' ? join(project, LOCAL_COMMAND) : join(prefix, 'bin', 'openwork'),
  }
}

const pnpm: Manager = {
  name: `pnpm ${versionOf('pnpm')}`,
  places: ['local', 'global'],
  scriptsByDefault: false,
  program: programOf('pnpm'),
  install: ({ place, scripts, optional }) => [
    'add',
    PACKAGE,
    ...when(place === 'global', '--global'),
    ...when(!optional, '--no-optional'),
    ...when(!scripts, '--ignore-scripts'), // told nothing, it installs the package, and exits with 1 in a project
    ...when(scripts, `--allow-build=${PACKAGE}`),
  ],
  uninstall: ({ place }) => ['remove', PACKAGE, ...when(place === 'global', '--global')],
  env: ({ prefix }) => ({ PNPM_HOME: prefix }),
  command: ({ place }, { project, prefix }) =>
    place === 'local' ? join(project, LOCAL_COMMAND) : join(prefix, 'bin', 'openwork'),
}

const yarnClassic: Manager = {
  name: `yarn ${versionOf('yarn 1')}`,
  places: ['local', 'global'],
  scriptsByDefault: true,
  program: scriptOf('yarn 1'),
  install: ({ place, scripts, optional }, { prefix }) => [
    ...when(place === 'global', 'global'),
    'add',
    PACKAGE,
    ...when(place === 'global', `--prefix=${prefix}`),
    ...when(!optional, '--ignore-optional'),
    ...when(!scripts, '--ignore-scripts'),
  ],
  uninstall: ({ place }, { prefix }) => [
    ...when(place === 'global', 'global'),
    'remove',
    PACKAGE,
    ...when(place === 'global', `--prefix=${prefix}`),
  ],
  // For root it keeps both outside of the home folder.
  env: ({ home, prefix }) => ({ YARN_CACHE_FOLDER: join(home, 'cache'), YARN_GLOBAL_FOLDER: join(prefix, 'global') }),
  command: ({ place }, { project, prefix }) =>
    place === 'local' ? join(project, LOCAL_COMMAND) : join(prefix, 'bin', 'openwork'),
}

const yarnBerry = (linker: 'pnp' | 'node-modules'): Manager => ({
  name: `yarn ${versionOf('yarn 4')} (${linker === 'pnp' ? 'PnP' : linker})`,
  places: ['local'],
  scriptsByDefault: false,
  program: scriptOf('yarn 4'),
  install: () => ['add', PACKAGE],
  uninstall: () => ['remove', PACKAGE],
  env: ({ registry }) => ({
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_ENABLE_TELEMETRY: '0',
  }),
  // It has no way to leave optional dependencies out but to ask for another platform's.
  files: ({ scripts, optional }) => ({
    'yarn.lock': '',
    '.yarnrc.yml': [
      `nodeLinker: ${linker}`,
      ...when(scripts, 'enableScripts: true'),
      ...when(!optional, 'supportedArchitectures: { os: [aix] }'),
      '',
    ].join('\n'),
  }),
  command: (_, { project }) => (linker === 'pnp' ? { args: ['run', 'openwork'] } : join(project, LOCAL_COMMAND)),
})

const bun: Manager = {
  name: `bun ${Bun.version}`,
  places: ['local', 'global'],
  scriptsByDefault: false,
  program: async () => ({ path: process.execPath, isScript: false }),
  install: ({ place, scripts, optional }) => [
    'add',
    PACKAGE,
    ...when(place === 'global', '--global'),
    ...when(!optional, '--omit=optional'),
    ...when(scripts, '--trust'),
  ],
  uninstall: ({ place }) => ['remove', PACKAGE, ...when(place === 'global', '--global')],
  env: ({ prefix }) => ({ BUN_INSTALL: prefix }),
  command: ({ place }, { project, prefix }) =>
    place === 'local' ? join(project, LOCAL_COMMAND) : join(prefix, 'bin', 'openwork'),
}

export const MANAGERS: readonly Manager[] = [
  npm('npm 10'),
  npm('npm 11'),
  npm('npm 12'),
  pnpm,
  yarnClassic,
  yarnBerry('pnp'),
  yarnBerry('node-modules'),
  bun,
]
