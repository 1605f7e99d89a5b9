import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { executableOf } from '../../services/own-program.ts'
import { messageOf, OpenworkError, unlessSystemError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { findForMachine } from '../../sidecars/cache/cache-builds.ts'
import { type CheckedBuild, verifyCache } from '../../sidecars/cache/cache-verify.ts'
import { Verifier } from '../../sidecars/verify/verify.ts'
import { findInstallation } from '../../upgrade/find-installation.ts'
import { askProgram } from '../ask-program.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'

export const versions: Check = {
  id: 'versions',
  group: 'Programs',
  title: 'openwork',
  limitMs: QUICK_MS,
  async look({ self }) {
    const installation = await findInstallation(self)
    const how = installation.kind === 'foreign' ? installation.what : HOW[installation.kind]
    return judgeVersions({
      version: VERSION,
      bun: Bun.version,
      how,
      path: installation.path,
      wrapper: installation.kind === 'managed' ? await wrapperVersion(installation.path) : undefined,
    })
  },
}

const HOW = { standalone: 'a file of its own', managed: 'a global package' } as const

/** Of the package that people install, beside the one of the platform, which holds the executable. */
async function wrapperVersion(executable: string): Promise<string | undefined> {
  const text = await readFile(
    join(dirname(executable), '..', '..', 'openwork-orchestrator', 'package.json'),
    'utf8',
  ).catch(unlessSystemError)
  return /"version":\s*"([^"]+)"/.exec(text ?? '')?.[1]
}

export function judgeVersions(facts: {
  version: string
  bun: string
  how: string
  path: string
  wrapper: string | undefined
}): Finding {
  const seen = `${facts.version} (Bun ${facts.bun}), ${facts.how}`
  const details = [facts.path]
  if (facts.wrapper === undefined || facts.wrapper === facts.version) return { status: 'ok', seen, details }
  return {
    status: 'problem',
    seen: `${seen}, called by openwork-orchestrator ${facts.wrapper}`,
    details,
    means: 'The package and the executable that it starts are of different versions: an installation was cut off.',
    todo: `npm install -g openwork-orchestrator@${facts.wrapper}`,
  }
}

export const opencode: Check = {
  id: 'opencode',
  group: 'Programs',
  title: 'opencode',
  limitMs: 60_000,
  async look({ env, made, sidecarDir, self }, signal) {
    const verifier = new Verifier(sidecarDir)
    const places = { pins: made.pins, sidecarDir, executablePath: executableOf(self), verifier, env, signal }
    let found: Awaited<ReturnType<typeof findForMachine>>['found']
    let problem: string | undefined
    try {
      ;({ found } = await findForMachine(places))
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      problem = messageOf(error)
    }
    const installed = await askProgram(['opencode', '--version'], { env, limitMs: 10_000, signal })
    return judgeOpencode({
      pinned: made.pins.version,
      found,
      problem,
      installed: installed && { path: installed.path, says: installed.ok ? installed.text : 'it does not run' },
    })
  },
}

export function judgeOpencode(facts: {
  pinned: string
  found: { path: string; source: string } | undefined
  problem: string | undefined
  installed: { path: string; says: string } | undefined
}): Finding {
  const { pinned, found, problem, installed } = facts
  const details = [
    ...(found ? [found.path] : []),
    ...(installed ? [`on PATH, and not used unless you say so: ${installed.path} (${installed.says})`] : []),
  ]
  if (problem !== undefined)
    return {
      status: 'problem',
      seen: problem,
      details,
      todo: 'Get it with `openwork cache fetch`, or pass --opencode-bin <path> --allow-external.',
    }
  if (found) return { status: 'ok', seen: `${pinned}, verified (${found.source})`, details }
  return {
    status: 'info',
    seen: `${pinned} is not here yet`,
    details,
    means: 'The first start downloads and verifies it.',
    todo: 'Get it now with `openwork cache fetch`.',
  }
}

export const cache: Check = {
  id: 'cache',
  group: 'Programs',
  title: 'Cache of binaries',
  // Reads everything in it: on a slow disk that takes as long as it takes.
  limitMs: 10 * 60_000,
  async look({ sidecarDir, made, onBytes }, signal) {
    const verify = (fix: boolean, over: AbortSignal) =>
      verifyCache(sidecarDir, made, { fix, signal: over, onProgress: onBytes })
    const finding = judgeCache(await verify(false, signal), sidecarDir)
    if (finding.status !== 'problem') return finding
    const apply = async (over: AbortSignal): Promise<string> => {
      const removed = (await verify(true, over)).filter(({ removed }) => removed)
      return `removed ${removed.length === 1 ? 'one build' : `${removed.length} builds`} from ${sidecarDir}`
    }
    return { ...finding, fix: { what: `remove what is damaged from ${sidecarDir}`, apply } }
  },
}

export function judgeCache(builds: readonly Pick<CheckedBuild, 'path' | 'problem'>[], dir: string): Finding {
  const damaged = builds.filter(({ problem }) => problem !== undefined)
  const count = builds.length === 1 ? 'one build' : `${builds.length} builds`
  if (builds.length === 0) return { status: 'ok', seen: `empty: ${dir}` }
  if (damaged.length === 0) return { status: 'ok', seen: `${count} in ${dir}, as they must be` }
  return {
    status: 'problem',
    seen: `${damaged.length} of ${count} in ${dir} damaged`,
    details: damaged.map(({ path, problem }) => `${path} ${problem}`),
    means: 'They are never run. A start fetches them again.',
    todo: 'openwork cache verify --fix',
  }
}
