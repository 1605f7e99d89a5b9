import type { Check } from '../check.ts'
import { clock } from './clock.ts'
import { downloads } from './downloads.ts'
import { dataDir, disk, oldTemporary, secrets, temporary } from './files.ts'
import { daemon, downloadsLeft, logs, runs } from './leftovers.ts'
import { cpu, inotify, libc, platform } from './machine.ts'
import { certificates, port, proxy } from './network.ts'
import { cache, opencode, versions } from './programs.ts'
import { backends, clipboard, terminal, tools } from './tools.ts'

const userConfig: Check = {
  id: 'user-config',
  group: 'Files',
  title: 'Your settings',
  limitMs: 5_000,
  look: ({ lookAtUserConfig }) => lookAtUserConfig(),
}

/** Everything that `openwork doctor` looks at, in the order that it is shown in. */
export const CHECKS: readonly Check[] = [
  ...[platform, cpu, libc, inotify, clock],
  ...[versions, opencode, cache],
  ...[dataDir, userConfig, secrets, disk, temporary, oldTemporary, downloadsLeft, logs],
  ...[port, proxy, certificates, downloads],
  ...[runs, daemon],
  ...[...backends, terminal, tools, clipboard],
]
