import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DataLayout } from './data-dir.ts'

/** Where opencode keeps its own things, as environment variables for it. */
export type OpencodeState = { env: Readonly<Record<string, string>>; folders: readonly string[] }

/**
 * Outside dev mode only the config folder is ours: the user's own opencode config and sign-ins stay in use. In dev mode
 * everything is below the data dir, and the personal setup is never touched.
 */
export function opencodeState(layout: DataLayout, devMode: boolean): OpencodeState {
  if (!devMode) return { env: { OPENCODE_CONFIG_DIR: layout.opencodeConfig }, folders: [] }
  const below = (...parts: string[]): string => join(layout.devState, ...parts)
  const env = {
    OPENWORK_DEV_MODE: '1',
    HOME: below('home'),
    OPENCODE_TEST_HOME: below('home'),
    XDG_CONFIG_HOME: below('xdg', 'config'),
    XDG_DATA_HOME: below('xdg', 'data'),
    XDG_CACHE_HOME: below('xdg', 'cache'),
    XDG_STATE_HOME: below('xdg', 'state'),
    OPENCODE_CONFIG_DIR: below('config', 'opencode'),
  }
  const folders = Object.values(env).filter(value => value !== '1')
  return { env, folders: [...new Set([...folders, below('xdg', 'data', 'opencode')])] }
}

/** Creates the folders, and copies the seeds that a developer named: config once, sign-ins when absent. */
export function ensureOpencodeState(
  state: OpencodeState,
  seeds: { configDir: string | undefined; dataDir: string | undefined },
): void {
  for (const folder of state.folders) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const config = state.env.OPENCODE_CONFIG_DIR
  const data = state.env.XDG_DATA_HOME
  if (!data || !config) return
  if (seeds.configDir && existsSync(seeds.configDir) && readdirSync(config).length === 0)
    cpSync(seeds.configDir, config, { recursive: true })
  for (const name of ['auth.json', 'mcp-auth.json']) {
    const source = seeds.dataDir ? join(seeds.dataDir, name) : undefined
    const target = join(data, 'opencode', name)
    if (source && existsSync(source) && !existsSync(target)) copyFileSync(source, target)
  }
}
