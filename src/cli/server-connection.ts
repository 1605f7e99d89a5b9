import { type OpenworkClient, openworkClient } from '../api/openwork-client.ts'
import { type LocalHost, listLocalHosts } from '../orchestrator/local-hosts.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Secret } from '../shared/secret.ts'
import { dataDirFlag } from './flags/data-dir-flag.ts'
import { hostOfFolder, severalRun } from './hosts/find-host.ts'
import type { Context } from './kit/context.ts'
import { secret, url } from './kit/flags.ts'

const serverFlags = {
  openworkUrl: url({
    env: ['OPENWORK_URL', 'OPENWORK_SERVER_URL'],
    summary: 'OpenWork server to ask',
    defaultText: 'the host running on this machine',
  }),
  dataDir: dataDirFlag,
}

/** Flags of a command that acts as a client of an OpenWork server. */
export const clientFlags = {
  ...serverFlags,
  token: secret({
    env: 'OPENWORK_TOKEN',
    summary: 'Its client token; kept by a host on this machine',
  }),
  openworkToken: secret({ hidden: true, summary: 'Older name of --token' }),
}

/** Flags of a command that acts as the host of an OpenWork server. */
export const hostFlags = {
  ...serverFlags,
  hostToken: secret({
    env: 'OPENWORK_HOST_TOKEN',
    summary: 'Its host token; kept by a host on this machine',
  }),
}

type Values = {
  openworkUrl: string | undefined
  dataDir: string
  token?: Secret | undefined
  openworkToken?: Secret | undefined
  hostToken?: Secret | undefined
}

export type ServerConnection = {
  client: OpenworkClient
  /** Where the server is asked. */
  url: string
  /** Where others reach it. */
  connectUrl: string
  /** The client or host token used. */
  token: Secret
  /** As far as this machine knows. */
  isDaemon: boolean
}

/** A change may have to wait for its approval, 30 s unless the host was told otherwise. */
const TIMEOUT_MS = 60_000

/**
 * The server a command is for: the one named, else the only host of the data dir that runs, a daemon being one too, or of
 * several the one that serves the current folder. Its token is the one given,
 * else the one kept for that host. Nothing is asked of the server yet.
 *
 * @throws OpenworkError no_running_host, several_running_hosts, missing_flag
 */
export async function connect(
  values: Values,
  { redactor, cwd }: Pick<Context, 'redactor' | 'cwd'>,
  { as, timeoutMs = TIMEOUT_MS }: { as: 'client' | 'host'; timeoutMs?: number },
): Promise<ServerConnection> {
  const given = as === 'host' ? values.hostToken : (values.token ?? values.openworkToken)
  const host = await hostMeant(values, { hasToken: given !== undefined, cwd })
  const kept = as === 'host' ? host?.credentials?.hostToken : host?.credentials?.token
  const token = given ?? kept
  const baseUrl = values.openworkUrl ?? host?.baseUrl
  if (token === undefined || baseUrl === undefined) throw noToken(as)
  redactor.add(token)
  return {
    client: openworkClient({ baseUrl, timeoutMs, ...(as === 'host' ? { hostToken: token } : { token }) }),
    url: baseUrl,
    connectUrl: host?.connectUrl ?? baseUrl,
    token,
    isDaemon: host?.serves === 'listed',
  }
}

/** Undefined when the server named is none of this machine's. */
async function hostMeant(
  { openworkUrl, dataDir }: Values,
  { hasToken, cwd }: { hasToken: boolean; cwd: string },
): Promise<LocalHost | undefined> {
  if (openworkUrl !== undefined && hasToken) return undefined
  const hosts = await listLocalHosts(dataDir)
  if (openworkUrl !== undefined) return hosts.find(host => [host.baseUrl, host.connectUrl].includes(openworkUrl))
  if (hosts.length === 0)
    throw new OpenworkError('no_running_host', `No host is running with the data dir ${dataDir}`, {
      hint: 'Start one with `openwork start`, or name a server with --openwork-url.',
    })
  const host = await hostOfFolder(hosts, { cwd, dataDir })
  if (host) return host
  throw severalRun(
    hosts,
    'Name the one you mean with --openwork-url, or call this in a folder that only one of them serves.',
  )
}

const noToken = (as: 'client' | 'host'): OpenworkError =>
  new OpenworkError('missing_flag', `The server's ${as} token is needed`, {
    hint: as === 'host' ? 'Pass --host-token or OPENWORK_HOST_TOKEN.' : 'Pass --token or OPENWORK_TOKEN.',
  })
