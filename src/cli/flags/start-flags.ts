import { bool, enumeration, list, path, port, text } from '../kit/flags.ts'
import { plainFlag } from './look-flags.ts'
import { serviceFlags } from './service-flags.ts'

const WORKSPACE = 'Workspace'
const RUN = 'Run'

/** The flags of `start` and `serve`. */
export const startFlags = {
  workspace: path({
    group: WORKSPACE,
    env: 'OPENWORK_WORKSPACE',
    default: '.',
    defaultText: 'the current folder',
    summary: 'Folder to work in',
  }),
  createWorkspace: bool({
    group: WORKSPACE,
    default: false,
    summary: 'Create the workspace folder when it is missing',
  }),
  ...serviceFlags,

  attach: bool({
    perCall: true,
    group: RUN,
    default: false,
    summary: 'Use the daemon that serves the folder, without asking; an error when none does',
  }),
  check: bool({
    perCall: true,
    group: RUN,
    default: false,
    summary: 'Start everything, use it once as a client would, stop, report',
  }),
  checkEvents: bool({ perCall: true, group: RUN, default: false, summary: 'Like --check, with the event stream' }),
  tui: bool({
    group: RUN,
    defaultText: 'on in a terminal, with `openwork start`',
    summary: 'Show the dashboard instead of logs',
  }),
  plain: plainFlag,
  detach: bool({
    group: RUN,
    env: 'OPENWORK_DETACH',
    default: false,
    summary: 'Go on in the background as soon as it is ready; `openwork ps` shows it, `openwork stop` ends it',
  }),
  background: bool({
    perCall: true,
    group: RUN,
    default: false,
    hidden: true,
    summary: 'Belong to whoever holds stdin, and answer with a document on a line',
  }),
  logFile: path({ perCall: true, group: RUN, hidden: true, summary: 'Log into this file, which is rotated' }),
  sandbox: enumeration({
    group: RUN,
    env: 'OPENWORK_SANDBOX',
    values: ['none', 'auto', 'docker', 'podman', 'container'] as const,
    default: 'none',
    hidden: true,
    summary: 'Run in a container',
  }),
  opencodeRouter: bool({
    group: RUN,
    env: 'OPENWORK_OPENCODE_ROUTER',
    hidden: true,
    summary: 'Telegram and Slack bridge',
  }),
  opencodeRouterRequired: bool({
    group: RUN,
    env: 'OPENWORK_OPENCODE_ROUTER_REQUIRED',
    default: false,
    hidden: true,
    summary: 'End the run when the bridge ends',
  }),
  opencodeRouterBin: text({ group: RUN, env: 'OPENCODE_ROUTER_BIN', hidden: true, summary: 'Run this bridge' }),
  opencodeRouterHealthPort: port({
    group: RUN,
    env: 'OPENCODE_ROUTER_HEALTH_PORT',
    hidden: true,
    summary: 'Port of the bridge',
  }),
  sandboxImage: text({ group: RUN, env: 'OPENWORK_SANDBOX_IMAGE', hidden: true, summary: 'Image of the container' }),
  sandboxPersistDir: path({
    group: RUN,
    env: 'OPENWORK_SANDBOX_PERSIST_DIR',
    hidden: true,
    summary: 'Folder mounted at /persist',
  }),
  sandboxMount: list({ group: RUN, env: 'OPENWORK_SANDBOX_MOUNT', hidden: true, summary: 'Further mounts' }),
} as const
