import { serviceFlags } from '../flags/service-flags.ts'
import type { ValuesOf } from '../kit/define.ts'
import { byteSize, duration, list, path, port, secret, text } from '../kit/flags.ts'

const DAEMON = 'Daemon'
const HOUR_MS = 3_600_000
const NO_VARIABLES: readonly string[] = []

/** Where desktop and development builds of the app are served from. */
const APP_ORIGINS = ['http://localhost:5173', 'tauri://localhost', 'http://tauri.localhost']

/** The flags of `daemon run`, and of every command that may start a daemon. */
export const daemonFlags = {
  ...serviceFlags,
  cors: list({
    ...common(serviceFlags.cors),
    env: 'OPENWORK_OPENCODE_CORS',
    default: APP_ORIGINS,
    valueName: 'origins',
  }),
  openworkToken: secret({
    ...common(serviceFlags.openworkToken),
    env: 'OPENWORK_TOKEN',
    summary: 'Client token, for all workspaces; kept in the data dir when not given',
  }),
  openworkHostToken: secret({
    ...common(serviceFlags.openworkHostToken),
    env: 'OPENWORK_HOST_TOKEN',
    summary: 'Host token, for all workspaces; kept in the data dir when not given',
  }),
  opencodeHost: text({ ...common(serviceFlags.opencodeHost), env: 'OPENWORK_OPENCODE_HOST', default: '127.0.0.1' }),
  opencodePort: port({
    ...common(serviceFlags.opencodePort),
    env: 'OPENWORK_OPENCODE_PORT',
    summary: 'Port of opencode; the one it had before, if it is free, when not given',
  }),
  daemonHost: text({ group: DAEMON, default: '127.0.0.1', summary: 'Address that the daemon is asked at' }),
  daemonPort: port({
    group: DAEMON,
    env: 'OPENWORK_DAEMON_PORT',
    summary: 'Port that the daemon is asked at; the one it had before, if it is free, when not given',
  }),
  opencodeWorkdir: path({
    group: DAEMON,
    env: 'OPENWORK_OPENCODE_WORKDIR',
    summary: 'Folder that opencode runs in; an empty one in the data dir when not given',
  }),
  idleTimeout: duration({
    group: DAEMON,
    env: 'OPENWORK_IDLE_TIMEOUT',
    minMs: 1_000,
    maxMs: 7 * 24 * HOUR_MS,
    never: 'never',
    default: HOUR_MS / 4,
    summary: 'After so long without use a workspace is unloaded, until it is used again',
  }),
  opencodeMemoryLimit: byteSize({
    group: DAEMON,
    env: 'OPENWORK_OPENCODE_MEMORY_LIMIT',
    min: 64_000_000,
    defaultText: 'none',
    summary: 'Memory of opencode and its children, above which it is restarted as soon as nothing runs',
  }),
  logFile: path({ group: DAEMON, hidden: true, summary: 'Log into this file, which is rotated' }),
}

/**
 * Of a command that starts the daemon where none runs: it takes all of them as well, and its help shows those of its own.
 */
export const autostartFlags = {
  ...(Object.fromEntries(
    Object.entries(daemonFlags).map(([key, flag]) => [key, { ...flag, hidden: true }]),
  ) as typeof daemonFlags),
  dataDir: daemonFlags.dataDir,
}

/**
 * Of a command about a daemon that starts none: scripts give every command the same flags. Only host and port mean something
 * there, see `tellOtherAddress`; variables are not looked at, so that none of them can get into the way of `daemon stop`.
 */
export const toleratedFlags = {
  ...(Object.fromEntries(
    Object.entries(daemonFlags).map(([key, flag]) => [key, { ...flag, env: NO_VARIABLES, hidden: true }]),
  ) as typeof daemonFlags),
  dataDir: daemonFlags.dataDir,
}

/** For the help of commands that start one. */
export const AUTOSTART =
  'Starts the daemon when it does not run, with flags of `openwork daemon start` if any are given here.'

export type DaemonValues = ValuesOf<typeof daemonFlags>

/** What a flag keeps when another command has another default or variable for it. */
function common({ summary, group }: { summary: string; group: string | undefined }): {
  summary: string
  group?: string
} {
  return { summary, ...(group !== undefined && { group }) }
}
