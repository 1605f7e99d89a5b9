import type { Manager } from './managers.ts'

/** How this openwork came to be where it is, which decides who may put another in its place. */
export type Installation =
  /** A file of its own, put there by scripts/install.sh or by hand. */
  | { kind: 'standalone'; path: string }
  /** A global package: its manager puts another version there. */
  | { kind: 'managed'; path: string; manager: Manager; prefix?: string }
  /** Somebody else's to change. `what` follows "this openwork is", `advice` is a sentence. */
  | { kind: 'foreign'; path: string; name: ForeignName; what: string; advice: string }

/** By a package manager. */
export type Managed = Extract<Installation, { kind: 'managed' }>

/** What `openwork upgrade` can do something about. */
export type Upgradable = Exclude<Installation, { kind: 'foreign' }>

export type Foreign = Extract<Installation, { kind: 'foreign' }>

type ForeignName = 'project' | 'homebrew' | 'checkout' | 'temporary' | 'launcher'

const META = 'openwork-orchestrator'
/** In whatever package of ours the executable lies: the platform's, or the one that people install. */
const IN_PACKAGE = new RegExp(`/node_modules/${META}(?:-[a-z0-9-]+)?/`)

/**
 * Decides from names alone; nothing is run.
 *
 * @param path the real path of the executable
 * @param exists whether there is a file of this path
 */
export function parseInstallation(path: string, exists: (path: string) => boolean): Installation {
  const at = path.replaceAll('\\', '/')
  if (/\/Cellar\/openwork\//.test(at))
    return foreign(path, 'homebrew', 'installed by Homebrew', 'Run `brew upgrade openwork`.')
  const checkout = /^(.*)\/dist\/bin\/[^/]+$/.exec(at)?.[1]
  if (checkout !== undefined && exists(`${checkout}/src/bin/openwork.ts`)) return parseCheckout(checkout)
  if (new RegExp(`/${META}/bin/\\d+\\.\\d+\\.\\d+[^/]*/[^/]+$`).test(at))
    return foreign(
      path,
      'launcher',
      `fetched by the launcher of the npm package ${META}`,
      `Install the package anew where it is installed: \`npm install -g ${META}@latest\`, with the rights of whoever did so.`,
    )
  if (/\/\.yarn\/(?:unplugged|berry|__virtual__)\//.test(at)) return project(path, 'a dependency of a project')
  if (!IN_PACKAGE.test(at)) return { kind: 'standalone', path }
  return parsePackage(path, at, exists)
}

/** Of a program that runs from its sources. */
export const parseCheckout = (folder: string): Installation =>
  foreign(
    folder,
    'checkout',
    `built from the sources in ${folder}`,
    'Run `git pull`, `npm ci` and `npm run build` there.',
  )

function parsePackage(path: string, at: string, exists: (path: string) => boolean): Installation {
  if (/\/_npx\/|\/bunx-|\/dlx(?:-|\/)/.test(at))
    return foreign(
      path,
      'temporary',
      'there for one call of npx, bunx or dlx',
      `Name the version in that call: \`npx ${META}@latest\`.`,
    )
  const root = at.slice(0, at.indexOf('/node_modules/'))
  // From pnpm 11 on the files of global packages lie in the store; those of a project that shares its store do as well.
  if (/\/pnpm\/global\/|\/store\/v\d+\/links\//i.test(at) || /\/global\/v?\d+(?:\/|$)/.test(root))
    return { kind: 'managed', path, manager: 'pnpm' }
  if (/\/install\/global$/.test(root)) return { kind: 'managed', path, manager: 'bun' }
  if (/\/yarn\/(?:data\/)?global$/i.test(root)) return { kind: 'managed', path, manager: 'yarn' }
  if (exists(`${root}/package.json`)) return project(path, `a dependency of the project ${root}`)
  // <prefix>/lib/node_modules, and on Windows <prefix>\node_modules.
  return { kind: 'managed', path, manager: 'npm', prefix: root.replace(/\/lib$/, '') }
}

const project = (path: string, what: string): Installation =>
  foreign(path, 'project', what, `Ask for another version of ${META} there, in its package.json.`)

const foreign = (path: string, name: ForeignName, what: string, advice: string): Installation => ({
  kind: 'foreign',
  path,
  name,
  what,
  advice,
})
