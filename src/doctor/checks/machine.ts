import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { cpus, release } from 'node:os'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import { findMachine, type Machine, planTarget } from '../../sidecars/pins/target.ts'
import { askProgram } from '../ask-program.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'

export const platform: Check = {
  id: 'platform',
  group: 'This machine',
  title: 'System',
  limitMs: QUICK_MS,
  async look({ env, made }) {
    const machine = await findMachine()
    let problem: string | undefined
    try {
      planTarget(machine, made.pins, env)
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      problem = messageOf(error)
    }
    const isContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv')
    return judgePlatform({ platform: process.platform, arch: process.arch, kernel: release(), isContainer, problem })
  },
}

/** What Bun, which openwork and opencode are compiled with, asks for: https://bun.com/docs/installation */
const OLDEST_LINUX = [5, 1] as const

export function judgePlatform(facts: {
  platform: string
  arch: string
  kernel: string
  isContainer: boolean
  problem: string | undefined
}): Finding {
  const seen = `${facts.platform} ${facts.arch}, kernel ${facts.kernel}${facts.isContainer ? ', in a container' : ''}`
  if (facts.problem !== undefined)
    return {
      status: 'problem',
      seen,
      means: facts.problem,
      todo: 'Pass --opencode-bin <path> --allow-external with an opencode that runs here.',
    }
  const [major = 0, minor = 0] = facts.kernel.split('.').map(Number.parseFloat)
  const [least, then] = OLDEST_LINUX
  if (facts.platform === 'linux' && (major < least || (major === least && minor < then)))
    return {
      status: 'warning',
      seen,
      means: `Kernels before ${least}.${then} lack system calls that openwork and opencode rely on.`,
      todo: 'Update the system, or run openwork on another machine.',
    }
  return { status: 'ok', seen }
}

export const cpu: Check = {
  id: 'cpu',
  group: 'This machine',
  title: 'Processor',
  limitMs: QUICK_MS,
  look: async () => judgeCpu(await findMachine(), cpus()[0]?.model.trim() || 'unknown', cpus().length),
}

export function judgeCpu(
  machine: Pick<Machine, 'arch' | 'os' | 'avx2'> | undefined,
  model: string,
  cores: number,
): Finding {
  const seen = `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}`
  if (machine?.arch !== 'x64') return { status: 'ok', seen }
  if (machine.avx2) return { status: 'ok', seen: `${seen}, with AVX2` }
  if (machine.os === 'windows') return { status: 'ok', seen, details: ['opencode is taken in its baseline build'] }
  return {
    status: 'info',
    seen: `${seen}, without AVX2`,
    means: 'The regular build of opencode would die here; openwork takes its baseline build, which is slower.',
    todo: 'In a virtual machine, let it see the processor of its host (`cpu: host`).',
  }
}

export const libc: Check = {
  id: 'libc',
  group: 'This machine',
  title: 'C library',
  limitMs: QUICK_MS,
  async look({ env }, signal) {
    if (process.platform !== 'linux') return { status: 'skipped', seen: 'only Linux has several' }
    const machine = await findMachine()
    // Of glibc itself; musl's loader says what it is when it is called without a program.
    const answer = machine?.musl
      ? await askProgram(['ldd'], { env, limitMs: 2_000, signal })
      : await askProgram(['getconf', 'GNU_LIBC_VERSION'], { env, limitMs: 2_000, signal })
    const version = /(?:glibc|Version)\s+([\d.]+)/.exec(answer?.text ?? '')?.[1] ?? 'of an unknown version'
    return { status: 'ok', seen: `${machine?.musl ? 'musl' : 'glibc'} ${version}` }
  },
}

export const inotify: Check = {
  id: 'inotify',
  group: 'This machine',
  title: 'File watches',
  limitMs: 10_000,
  async look(_, signal) {
    if (process.platform !== 'linux') return { status: 'skipped', seen: 'only Linux has limits for them' }
    const limit = async (name: string) => Number(await readFile(`/proc/sys/fs/inotify/${name}`, 'latin1'))
    const [watches, instances] = await Promise.all([limit('max_user_watches'), limit('max_user_instances')])
    const { countInotify } = await import('../inotify-use.ts')
    return judgeInotify({ watches, instances, used: await countInotify(signal) })
  },
}

/** Hot reload needs a watch for each folder of a workspace that counts, openwork-server one for each folder at all. */
const FEW_WATCHES = 16_384
const FEW_INSTANCES = 16

export function judgeInotify(facts: {
  watches: number
  instances: number
  used: { watches: number; instances: number }
}): Finding {
  const { watches, instances, used } = facts
  const seen = `${used.watches} of ${watches} watches and ${used.instances} of ${instances} instances in use`
  const isScarce = watches - used.watches < FEW_WATCHES || instances - used.instances < FEW_INSTANCES
  if (!isScarce) return { status: 'ok', seen }
  return {
    status: 'warning',
    seen,
    means: 'Large workspaces need more: changes of files would show up seconds later, and hot reload may miss folders.',
    todo: 'sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024',
  }
}
