import { VERSION } from '../../shared/version.ts'
import { loadSettings } from '../config/load-settings.ts'
import { topics } from '../help/topics.ts'
import type { CommandEntry, Program } from '../kit/define.ts'

/** Every command of `openwork`. Modules are loaded when they are called: `--version` needs none of them. */
const commands: readonly CommandEntry[] = [
  {
    path: 'start',
    summary: 'Host a folder: start opencode and the OpenWork server, and keep them running',
    load: async () => (await import('./start.ts')).start,
  },
  {
    path: 'serve',
    summary: 'The same as start, for logs instead of a dashboard',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    path: 'dashboard',
    summary: 'Show a host that runs, or the daemon: services, logs, approvals and sessions',
    load: async () => (await import('./dashboard.ts')).dashboard,
  },
  {
    path: 'status',
    summary: 'Whether a host is up and its parts answer',
    load: async () => (await import('./status.ts')).status,
  },
  {
    path: 'reload',
    summary: 'Have opencode read its config, skills, commands, agents and plugins anew',
    load: async () => (await import('./reload.ts')).reload,
  },
  {
    path: 'ps',
    summary: 'The hosts of this machine, the daemon included, and how they are',
    load: async () => (await import('./ps.ts')).ps,
  },
  {
    path: 'logs',
    summary: 'The log of a host, also of one that has ended',
    load: async () => (await import('./logs.ts')).logs,
  },
  {
    path: 'stop',
    summary: 'Stop a host, or clear away what a killed one left',
    load: async () => (await import('./stop.ts')).stop,
  },
  {
    path: 'restart',
    summary: 'End one service of a host and start it again, at the same address',
    load: async () => (await import('./restart.ts')).restart,
  },
  {
    path: 'attach',
    summary: "Work in a host with opencode's own terminal interface",
    load: async () => (await import('./attach.ts')).attach,
  },
  {
    path: 'credentials',
    summary: 'The tokens and the opencode password of a host that runs; shows secrets',
    load: async () => (await import('./credentials.ts')).credentials,
  },
  {
    path: 'url',
    summary: 'Where clients connect to a host',
    load: async () => (await import('./url.ts')).url,
  },
  {
    path: 'daemon run',
    aliases: ['daemon foreground', 'daemon'],
    summary: 'Serve many folders with one opencode, in this terminal',
    load: async () => (await import('./daemon-run.ts')).daemonRun,
  },
  {
    path: 'daemon start',
    summary: 'Start the daemon in the background, unless it runs already',
    load: async () => (await import('./daemon-start.ts')).daemonStart,
  },
  {
    path: 'daemon stop',
    summary: 'Stop the daemon, its opencode and its server; the list of workspaces stays',
    load: async () => (await import('./daemon-stop.ts')).daemonStop,
  },
  {
    path: 'daemon status',
    summary: 'The daemon, its services and its workspaces; exits 1 when it is not running',
    load: async () => (await import('./daemon-status.ts')).daemonStatus,
  },
  {
    path: 'workspace add',
    aliases: ['workspaces add'],
    summary: 'Have the daemon serve a folder, and start the daemon if none runs',
    load: async () => (await import('./workspace-add.ts')).workspaceAdd,
  },
  {
    path: 'workspace add-remote',
    aliases: ['workspaces add-remote'],
    summary: 'Keep a workspace of an opencode somewhere else in the list',
    load: async () => (await import('./workspace-add-remote.ts')).workspaceAddRemote,
  },
  {
    path: 'workspace list',
    aliases: ['workspaces list', 'workspace ls'],
    summary: 'The workspaces of the daemon, whether it runs or not',
    load: async () => (await import('./workspace-list.ts')).workspaceList,
  },
  {
    path: 'workspace switch',
    aliases: ['workspaces switch'],
    summary: 'Make a workspace the active one, which clients see first',
    load: async () => (await import('./workspace-switch.ts')).workspaceSwitch,
  },
  {
    path: 'workspace info',
    aliases: ['workspaces info'],
    summary: 'One workspace of the daemon, and what opencode keeps in memory for it',
    load: async () => (await import('./workspace-info.ts')).workspaceInfo,
  },
  {
    path: 'workspace path',
    aliases: ['workspaces path'],
    summary: 'Which folders opencode uses for a workspace, as it says itself',
    load: async () => (await import('./workspace-path.ts')).workspacePath,
  },
  {
    path: 'workspace remove',
    aliases: ['workspaces remove'],
    summary: 'Have the daemon forget a workspace; its files stay',
    load: async () => (await import('./workspace-remove.ts')).workspaceRemove,
  },
  {
    path: 'instance dispose',
    summary: 'Unload a workspace from opencode until it is used again, with its servers and terminals',
    load: async () => (await import('./instance-dispose.ts')).instanceDispose,
  },
  {
    path: 'instance lease',
    summary: 'Keep a workspace from being unloaded as idle, for a while',
    load: async () => (await import('./instance-lease.ts')).instanceLease,
  },
  {
    path: 'instance release',
    summary: 'End a lease',
    load: async () => (await import('./instance-release.ts')).instanceRelease,
  },
  {
    path: 'upgrade',
    summary: 'Put the newest openwork in the place of this one, once it has shown that it works here',
    load: async () => (await import('./upgrade.ts')).upgrade,
  },
  {
    path: 'approvals list',
    summary: 'Changes of remote clients that wait for a yes',
    load: async () => (await import('./approvals-list.ts')).approvalsList,
  },
  {
    path: 'approvals reply',
    summary: 'Allow or deny a change that waits',
    load: async () => (await import('./approvals-reply.ts')).approvalsReply,
  },
  {
    path: 'pair',
    summary: 'Show a code with which one device gets a token of its own',
    load: async () => (await import('./pair.ts')).pair,
  },
  {
    path: 'files session create',
    aliases: ['files session'],
    summary: 'Open a session for reading and changing files of a workspace',
    load: async () => (await import('./files-session-create.ts')).filesSessionCreate,
  },
  {
    path: 'files session renew',
    summary: 'Let a file session last longer, from now',
    load: async () => (await import('./files-session-renew.ts')).filesSessionRenew,
  },
  {
    path: 'files session close',
    aliases: ['files session delete'],
    summary: 'Close a file session',
    load: async () => (await import('./files-session-close.ts')).filesSessionClose,
  },
  {
    path: 'files catalog',
    summary: 'List the files of a workspace, page by page',
    load: async () => (await import('./files-catalog.ts')).filesCatalog,
  },
  {
    path: 'files events',
    summary: 'List what changed in a workspace',
    load: async () => (await import('./files-events.ts')).filesEvents,
  },
  {
    path: 'files read',
    summary: 'Read files of a workspace',
    load: async () => (await import('./files-read.ts')).filesRead,
  },
  {
    path: 'files write',
    summary: 'Write a file of a workspace',
    load: async () => (await import('./files-write.ts')).filesWrite,
  },
  {
    path: 'files mkdir',
    summary: 'Make folders in a workspace, with their parents',
    load: async () => (await import('./files-mkdir.ts')).filesMkdir,
  },
  {
    path: 'files delete',
    summary: 'Delete files and folders of a workspace',
    load: async () => (await import('./files-delete.ts')).filesDelete,
  },
  {
    path: 'files rename',
    summary: 'Rename or move a file or folder of a workspace',
    load: async () => (await import('./files-rename.ts')).filesRename,
  },
  {
    path: 'files sync',
    summary: 'Mirror a local folder to a workspace, or the other way round',
    load: async () => (await import('./files-sync.ts')).filesSync,
  },
  {
    path: 'tokens list',
    summary: 'The tokens and paired devices of a host, newest first',
    load: async () => (await import('./tokens-list.ts')).tokensList,
  },
  {
    path: 'tokens revoke',
    summary: 'Take a token back: whoever holds it is refused from now on',
    load: async () => (await import('./tokens-revoke.ts')).tokensRevoke,
  },
  {
    path: 'tokens rotate',
    summary: 'Give a token another secret, and show it this once',
    load: async () => (await import('./tokens-rotate.ts')).tokensRotate,
  },
  {
    path: 'cache ls',
    aliases: ['cache list'],
    summary: 'What the cache of binaries holds',
    load: async () => (await import('./cache-ls.ts')).cacheLs,
  },
  {
    path: 'cache verify',
    summary: 'Read every build in the cache that a hash is known of, and compare it',
    load: async () => (await import('./cache-verify.ts')).cacheVerify,
  },
  {
    path: 'cache gc',
    summary: 'Remove from the cache what this version does not need',
    load: async () => (await import('./cache-gc.ts')).cacheGc,
  },
  {
    path: 'cache fetch',
    summary: 'Get the opencode that this version needs, so that no start has to wait for it',
    load: async () => (await import('./cache-fetch.ts')).cacheFetch,
  },
  {
    path: 'cache export',
    summary: 'Write the pinned builds into one archive, for machines without a network',
    load: async () => (await import('./cache-export.ts')).cacheExport,
  },
  {
    path: 'cache import',
    summary: 'Put the builds of an archive into the cache, without a network',
    load: async () => (await import('./cache-import.ts')).cacheImport,
  },
  {
    path: 'cache path',
    summary: 'Where the cache of binaries is, or the opencode that a start would run',
    load: async () => (await import('./cache-path.ts')).cachePath,
  },
  {
    path: 'doctor',
    summary: 'Look at everything that openwork needs here, and say what to do about what is wrong',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    path: 'support-bundle',
    summary: 'Write an archive that helps others to see what is wrong here, with secrets taken out',
    load: async () => (await import('./support-bundle.ts')).supportBundle,
  },
  {
    path: 'config get',
    summary: 'The value that a setting has without its flag; exits 1 when it has none',
    load: async () => (await import('./config-get.ts')).configGet,
  },
  {
    path: 'config set',
    summary: 'Keep a setting for all calls to come, unless a flag or a variable says otherwise',
    load: async () => (await import('./config-set.ts')).configSet,
  },
  {
    path: 'config unset',
    summary: 'Take a setting out, so that its default counts again',
    load: async () => (await import('./config-unset.ts')).configUnset,
  },
  {
    path: 'config list',
    aliases: ['config ls'],
    summary: 'What you have set, where it comes from, and what is wrong with it; exits 2 when something is',
    load: async () => (await import('./config-list.ts')).configList,
  },
  {
    path: 'config path',
    summary: 'Where your settings are, whether the file is there or not',
    load: async () => (await import('./config-path.ts')).configPath,
  },
  {
    path: 'config schema',
    summary: 'JSON Schema of the file of settings, for editors',
    load: async () => (await import('./config-schema.ts')).configSchema,
  },
  {
    path: 'completions',
    summary: 'A script that has your shell complete commands, flags, values and names',
    load: async () => (await import('./completions.ts')).completions,
  },
  {
    path: 'complete',
    summary: 'What may come next in a command line',
    hidden: true,
    load: async () => (await import('./complete.ts')).complete,
  },
]

export const program: Program = {
  name: 'openwork',
  version: VERSION,
  summary: 'Hosts a folder for the coding agent opencode, reachable from elsewhere.',
  commands,
  defaultCommand: 'start',
  topics,
  settings: (command, io) => loadSettings(program, command, io),
  examples: [
    { command: 'openwork', does: 'host the current folder' },
    { command: 'openwork start --workspace ~/project --approval auto', does: 'host another one' },
    { command: 'openwork status', does: 'see what is running' },
  ],
}
