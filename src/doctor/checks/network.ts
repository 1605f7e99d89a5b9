import { stat } from 'node:fs/promises'
import { listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { isFree } from '../../orchestrator/ports.ts'
import { messageOf, systemCode, unlessSystemError } from '../../shared/errors.ts'
import { readPlainFile } from '../../shared/plain-file.ts'
import { findProxy } from '../../sidecars/fetch/proxy.ts'
import { shownUrl } from '../../sidecars/fetch/shown-url.ts'
import { TransferFailure } from '../../sidecars/fetch/transfer-failure.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'
import { findListener } from '../find-listener.ts'
import type { Surroundings } from '../surroundings.ts'

export const port: Check = {
  id: 'port',
  group: 'Network',
  title: 'Port',
  limitMs: QUICK_MS,
  async look({ port, dataDir }) {
    if (port === 0) return { status: 'ok', seen: 'any free one is taken' }
    if (await isFree('127.0.0.1', port)) return judgePort({ port, isFree: true, host: undefined, program: undefined })
    const host = (await listLocalHosts(dataDir)).find(({ baseUrl }) => URL.parse(baseUrl)?.port === String(port))
    return judgePort({
      port,
      isFree: false,
      host: host && { pid: host.pid, workspace: host.workspace },
      program: host ? undefined : await findListener(port),
    })
  },
}

export function judgePort(facts: {
  port: number
  isFree: boolean
  host: { pid: number; workspace: string } | undefined
  program: string | undefined
}): Finding {
  const { port, host, program } = facts
  if (facts.isFree) return { status: 'ok', seen: `${port} is free` }
  if (host) return { status: 'ok', seen: `${port} is that of the host of ${host.workspace} (process ${host.pid})` }
  return {
    status: 'info',
    seen: `${port} is used by ${program ?? 'another program'}`,
    means: 'A host takes another free port then, which may be another one each time.',
    todo: 'Give hosts a port of their own with --openwork-port (OPENWORK_PORT).',
  }
}

const PROXY_NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY']

export const proxy: Check = {
  id: 'proxy',
  group: 'Network',
  title: 'Proxy',
  limitMs: QUICK_MS,
  look: async ({ env, release }) => judgeProxy(env, release.manifestUrl),
}

/** @param target a URL that is downloaded from */
export function judgeProxy(env: Surroundings['env'], target: string): Finding {
  const set = PROXY_NAMES.flatMap(name => {
    const value = env[name.toLowerCase()] || env[name]
    return value ? [{ name, value }] : []
  })
  const proxies = set.filter(({ name }) => name !== 'NO_PROXY')
  if (proxies.length === 0) return { status: 'ok', seen: 'none is named in the environment' }
  const details = set.map(({ name, value }) => `${name} ${name === 'NO_PROXY' ? value : shownProxy(value)}`)
  const seen = proxies.map(({ name }) => name).join(', ')
  try {
    findProxy(new URL(target), env)
  } catch (error) {
    if (!(error instanceof TransferFailure)) throw error
    return { status: 'problem', seen: messageOf(error), details, todo: error.facts.hint }
  }
  const exempt = (set.find(({ name }) => name === 'NO_PROXY')?.value ?? '').split(/[\s,]+/)
  const isExempt = exempt.includes('*') || ['localhost', '127.0.0.1'].every(name => exempt.includes(name))
  if (isExempt) return { status: 'ok', seen, details }
  return {
    status: 'warning',
    seen: `${seen}, for this machine itself as well`,
    details,
    means: 'openwork asks its own services directly, but opencode and its tools may send such requests to the proxy.',
    todo: 'export NO_PROXY=localhost,127.0.0.1,::1',
  }
}

const shownProxy = (value: string): string =>
  shownUrl(/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`)

export const certificates: Check = {
  id: 'certificates',
  group: 'Network',
  title: 'Certificates',
  limitMs: QUICK_MS,
  async look({ env }) {
    const files = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].flatMap(name =>
      env[name] ? [{ name, path: env[name] }] : [],
    )
    const wrong = (await Promise.all(files.map(async file => [file, await whatIsWrong(file.path)] as const))).flatMap(
      ([{ name, path }, problem]) => (problem === undefined ? [] : [`${name}=${path} ${problem}`]),
    )
    const folder = env.SSL_CERT_DIR
    if (folder && !(await stat(folder).catch(unlessSystemError))?.isDirectory())
      wrong.push(`SSL_CERT_DIR=${folder} is no folder`)
    const named = [...files.map(({ name, path }) => `${name}=${path}`), ...(folder ? [`SSL_CERT_DIR=${folder}`] : [])]
    return judgeCertificates({ named, wrong, areIgnored: env.NODE_TLS_REJECT_UNAUTHORIZED === '0' })
  },
}

const MAX_PEM_BYTES = 16 * 1024 * 1024

async function whatIsWrong(path: string): Promise<string | undefined> {
  try {
    const text = await readPlainFile(path, { maxBytes: MAX_PEM_BYTES })
    return text.includes('-----BEGIN ') ? undefined : 'holds no certificate in PEM form'
  } catch (error) {
    unlessSystemError(error)
    return `cannot be read (${systemCode(error)})`
  }
}

export function judgeCertificates(facts: {
  named: readonly string[]
  wrong: readonly string[]
  areIgnored: boolean
}): Finding {
  const { named, wrong, areIgnored } = facts
  if (wrong.length > 0)
    return {
      status: 'problem',
      seen: wrong.join('; '),
      means: 'What a company or its proxy signed is not trusted: downloads through it fail.',
      todo: 'Name a file that you can read, with the certificates as PEM.',
    }
  if (areIgnored)
    return {
      status: 'warning',
      seen: 'NODE_TLS_REJECT_UNAUTHORIZED=0',
      means: 'opencode and its tools then take any certificate: anybody on the way can read what is said to a model.',
      todo: 'unset NODE_TLS_REJECT_UNAUTHORIZED, and name your own CA with NODE_EXTRA_CA_CERTS.',
    }
  return { status: 'ok', seen: named.length === 0 ? 'those of the system' : `those of the system, ${named.join(', ')}` }
}
