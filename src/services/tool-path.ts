import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

type Where = { platform: NodeJS.Platform; env: Readonly<Record<string, string | undefined>>; home: string }

/**
 * `PATH` for the agent: our own folders first, then the user's own order, then the usual tool folders that are missing
 * from it. A host started by a service manager or a desktop shortcut has a bare `PATH`; without the last part the agent
 * would find neither node nor git there. Appended rather than prepended, so that what the user chose is never shadowed.
 */
export function toolPath(where: Where, ownFolders: readonly string[]): string {
  const current = (where.env.PATH ?? where.env.Path ?? '').split(delimiter)
  const folders = [...existing(ownFolders), ...current, ...existing(usualFolders(where))]
  return [...new Set(folders.filter(folder => folder !== ''))].join(delimiter)
}

const existing = (folders: readonly string[]): string[] => folders.filter(folder => existsSync(folder))

function usualFolders({ platform, env, home }: Where): string[] {
  if (platform === 'win32') {
    const roaming = env.APPDATA
    const local = env.LOCALAPPDATA
    return [
      ...(local ? [join(local, 'Volta', 'bin'), join(local, 'pnpm')] : []),
      join(home, '.bun', 'bin'),
      join(home, '.cargo', 'bin'),
      ...(roaming ? [join(roaming, 'npm')] : []),
    ]
  }
  return [
    ...(platform === 'darwin' ? ['/opt/homebrew/bin', '/opt/homebrew/sbin'] : []),
    '/usr/local/bin',
    '/usr/local/sbin',
    ...nvmFolders(env.NVM_DIR ?? join(home, '.nvm')),
    join(home, '.fnm', 'current', 'bin'),
    join(home, '.volta', 'bin'),
    env.PNPM_HOME ?? join(home, platform === 'darwin' ? 'Library/pnpm' : '.local/share/pnpm'),
    join(home, '.bun', 'bin'),
    join(home, '.cargo', 'bin'),
    join(home, '.pyenv', 'shims'),
    join(home, '.local', 'bin'),
    '/usr/bin',
    '/bin',
    '/usr/sbin',
    '/sbin',
  ]
}

/** nvm's current version, then all installed ones, newest first. */
function nvmFolders(nvm: string): string[] {
  const versions = join(nvm, 'versions', 'node')
  if (!existsSync(versions)) return []
  const newestFirst = readdirSync(versions).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  return [join(nvm, 'current', 'bin'), ...newestFirst.map(version => join(versions, version, 'bin'))]
}
