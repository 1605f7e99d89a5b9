import { expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { judgeClock } from '../../src/doctor/checks/clock.ts'
import { judgeReached } from '../../src/doctor/checks/downloads.ts'
import { findOldTemporary, judgeDataDir, judgeDisk, judgeSecrets } from '../../src/doctor/checks/files.ts'
import { judgeDownloads, judgeLogs, judgeRuns } from '../../src/doctor/checks/leftovers.ts'
import { judgeCpu, judgeInotify, judgePlatform } from '../../src/doctor/checks/machine.ts'
import { judgeCertificates, judgePort, judgeProxy } from '../../src/doctor/checks/network.ts'
import { judgeCache, judgeOpencode, judgeVersions } from '../../src/doctor/checks/programs.ts'
import { judgeBackend, judgeTerminal, judgeTools } from '../../src/doctor/checks/tools.ts'
import { listeningInodes } from '../../src/doctor/find-listener.ts'

test('a system without a build of opencode, and an old kernel', () => {
  const linux = { platform: 'linux', arch: 'x64', kernel: '6.1.0-13-amd64', isContainer: false, problem: undefined }
  expect(judgePlatform(linux).status).toBe('ok')
  expect(judgePlatform({ ...linux, kernel: '4.19.0' }).status).toBe('warning')
  expect(judgePlatform({ ...linux, kernel: '5.1.0' }).status).toBe('ok')
  expect(judgePlatform({ ...linux, problem: 'no build for it' })).toMatchObject({
    status: 'problem',
    means: 'no build for it',
  })
})

test('a processor without AVX2 gets the baseline build', () => {
  const machine = { os: 'linux', arch: 'x64', avx2: false } as const
  expect(judgeCpu(machine, 'Old', 1)).toMatchObject({ status: 'info', seen: 'Old, 1 core, without AVX2' })
  expect(judgeCpu({ ...machine, avx2: true }, 'New', 4).status).toBe('ok')
  expect(judgeCpu({ ...machine, arch: 'arm64' }, 'Arm', 4).status).toBe('ok')
})

test('file watches that are nearly used up', () => {
  const facts = { watches: 524_288, instances: 1_024, used: { watches: 1_000, instances: 10 } }
  expect(judgeInotify(facts).status).toBe('ok')
  expect(judgeInotify({ ...facts, watches: 8_192 })).toMatchObject({ status: 'warning' })
  expect(judgeInotify({ ...facts, used: { watches: 1_000, instances: 1_020 } }).status).toBe('warning')
})

test('a clock that is wrong', () => {
  expect(judgeClock({ networkMs: 900, diskMs: -20 })).toEqual({ status: 'ok', seen: 'as other machines' })
  expect(judgeClock({ networkMs: 60_000, diskMs: 0 })).toMatchObject({
    status: 'warning',
    seen: '60 s behind other machines',
  })
  expect(judgeClock({ networkMs: -3_600_000, diskMs: 0 })).toMatchObject({
    status: 'problem',
    seen: '3600 s ahead of other machines',
  })
  expect(judgeClock({ networkMs: undefined, diskMs: 20_000 })).toMatchObject({ status: 'warning' })
})

test('hosts that cannot be reached', () => {
  const [one, two] = [true, false].map(ok => ({ name: 'a', url: 'https://a/', ok, said: 'HTTP 200', hint: 'Do this.' }))
  if (!one || !two) throw new Error('two')
  expect(judgeReached([one, one]).status).toBe('ok')
  expect(judgeReached([one, two])).toMatchObject({ status: 'info', seen: '1 of 2 reached', todo: 'Do this.' })
  expect(judgeReached([two, two]).status).toBe('warning')
})

test('a data dir that is open, of the network, or unusable', () => {
  const facts = { path: '/d', mode: 0o40700, isOurs: true, problem: undefined, warning: undefined, network: undefined }
  expect(judgeDataDir(facts)).toEqual({ status: 'ok', seen: '/d (0700)' })
  expect(judgeDataDir({ ...facts, mode: 0o40755 })).toMatchObject({
    status: 'warning',
    todo: 'chmod 700 /d',
    fix: { what: 'make /d private (0700)' },
  })
  expect(judgeDataDir({ ...facts, mode: 0o40755, isOurs: false }).fix).toBeUndefined()
  expect(judgeDataDir({ ...facts, network: 'NFS' })).toMatchObject({ status: 'warning', seen: '/d (0700, on NFS)' })
  expect(judgeDataDir({ ...facts, mode: undefined }).status).toBe('info')
  expect(judgeDataDir({ ...facts, problem: 'it is a file' }).status).toBe('problem')
})

test('disks that are full or nearly', () => {
  const place = (freeBytes: number) => [{ name: 'data dir', path: '/d', freeBytes }]
  expect(judgeDisk(place(5e9)).status).toBe('ok')
  expect(judgeDisk(place(2e8))).toMatchObject({ status: 'warning', seen: 'at least 200 MB' })
  expect(judgeDisk(place(1e6))).toMatchObject({ status: 'problem', details: ['1.0 MB for data dir: /d'] })
})

test('secrets that others can read, and those behind a closed folder', () => {
  const file = { path: '/d/token', mode: 0o100644, isOurs: true, isReachable: true }
  expect(judgeSecrets({ looked: 2, open: [] }).status).toBe('ok')
  expect(judgeSecrets({ looked: 2, open: [file] })).toMatchObject({ status: 'problem', details: ['0644 /d/token'] })
  expect(judgeSecrets({ looked: 2, open: [{ ...file, isReachable: false }] }).status).toBe('warning')
  expect(judgeSecrets({ looked: 1, open: [{ ...file, isOurs: false }] }).fix).toBeUndefined()
})

test('what dead runs, downloads and hosts left', () => {
  expect(judgeRuns({ living: 1, dead: 0, orphans: [], corrupt: 0 }).seen).toBe('one host runs')
  expect(judgeRuns({ living: 0, dead: 1, orphans: ['opencode (process 7)'], corrupt: 0 })).toMatchObject({
    status: 'warning',
    details: ['still running: opencode (process 7)'],
  })
  expect(judgeDownloads([]).status).toBe('ok')
  expect(judgeDownloads([{ path: '/c/x.part', bytes: 12_000 }]).seen).toBe('1 (12 kB)')
  const day = 24 * 60 * 60_000
  expect(judgeLogs([{ bytes: 1, modifiedMs: 0 }], 29 * day).status).toBe('ok')
  expect(judgeLogs([{ bytes: 1, modifiedMs: 0 }], 31 * day).status).toBe('info')
})

test('of temporary files, only old folders of ours are left ones', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwork-judge-test-'))
  mkdirSync(join(folder, 'openwork-probe-aB3dE6'))
  mkdirSync(join(folder, 'openwork-probe-of-somebody'))
  mkdirSync(join(folder, 'target'))
  symlinkSync(join(folder, 'target'), join(folder, 'openwork-doctor-aB3dE6'))
  expect(await findOldTemporary(folder, Date.now())).toEqual([])
  expect(await findOldTemporary(folder, Date.now() + 25 * 60 * 60_000)).toEqual([join(folder, 'openwork-probe-aB3dE6')])
  rmSync(folder, { recursive: true })
})

test('a port that is taken, by us or by others', () => {
  const facts = { port: 8787, isFree: true, host: undefined, program: undefined }
  expect(judgePort(facts).seen).toBe('8787 is free')
  expect(judgePort({ ...facts, isFree: false, program: 'node (process 3)' })).toMatchObject({
    status: 'info',
    seen: '8787 is used by node (process 3)',
  })
  expect(judgePort({ ...facts, isFree: false, host: { pid: 4, workspace: '/w' } }).status).toBe('ok')
})

test('a listener is found by its port and state', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:2253 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1',
    '   1: 0100007F:2253 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1',
  ].join('\n')
  expect(listeningInodes(table, 8787)).toEqual(['4711'])
  expect(listeningInodes(table, 8788)).toEqual([])
})

test('a proxy shows without its password, and leaves this machine alone', () => {
  const target = 'https://files.test/x'
  expect(judgeProxy({}, target).status).toBe('ok')
  const proxied = judgeProxy({ HTTPS_PROXY: 'http://me:hidden@proxy.test:3128' }, target)
  expect(proxied.status).toBe('warning')
  expect(JSON.stringify(proxied)).not.toContain('hidden')
  expect(judgeProxy({ https_proxy: 'http://p', NO_PROXY: 'localhost,127.0.0.1' }, target).status).toBe('ok')
  expect(judgeProxy({ HTTPS_PROXY: 'socks5://p' }, target).status).toBe('problem')
})

test('certificates that cannot be read, or do not count', () => {
  expect(judgeCertificates({ named: [], wrong: [], areIgnored: false }).status).toBe('ok')
  expect(judgeCertificates({ named: [], wrong: [], areIgnored: true }).status).toBe('warning')
  expect(judgeCertificates({ named: [], wrong: ['A=/x cannot be read'], areIgnored: false }).status).toBe('problem')
})

test('an installation that was cut off', () => {
  const facts = { version: '1.2.3', bun: '1.4.5', how: 'a global package', path: '/bin/openwork', wrapper: '1.2.3' }
  expect(judgeVersions(facts).status).toBe('ok')
  expect(judgeVersions({ ...facts, wrapper: '1.2.4' })).toMatchObject({
    status: 'problem',
    todo: 'npm install -g openwork-orchestrator@1.2.4',
  })
})

test('opencode and the cache', () => {
  const facts = { pinned: '1.0.0', found: undefined, problem: undefined, installed: undefined }
  expect(judgeOpencode(facts).status).toBe('info')
  expect(judgeOpencode({ ...facts, found: { path: '/o', source: 'bundled' } }).seen).toBe('1.0.0, verified (bundled)')
  expect(judgeOpencode({ ...facts, problem: 'no build' }).status).toBe('problem')
  expect(judgeCache([], '/c').status).toBe('ok')
  expect(judgeCache([{ path: '/c/o', problem: undefined }], '/c').status).toBe('ok')
  expect(judgeCache([{ path: '/c/o', problem: 'is another file' }], '/c')).toMatchObject({
    status: 'problem',
    details: ['/c/o is another file'],
  })
})

test('engines of containers, the terminal and tools', () => {
  expect(judgeBackend(undefined, undefined).status).toBe('info')
  const answer = { ok: true, text: '28.0 [name=rootless]', timedOut: false }
  expect(judgeBackend('Docker 28', answer).seen).toBe('Docker 28, its engine answers, rootless')
  expect(judgeBackend('podman 5', { ...answer, text: '5 rootless=false' }).seen).toEndWith('answers')
  expect(judgeBackend('Docker 28', { ok: false, text: '', timedOut: true }).details).toEqual(['no answer within 3 s'])
  expect(judgeBackend('Docker 28', { ok: false, text: '', timedOut: false })).toMatchObject({
    status: 'info',
    means: expect.stringContaining('nothing depends on it'),
  })
  const terminal = { stdin: true, stdout: true, columns: 100, rows: 30, color: true }
  expect(judgeTerminal({ TERM: 'xterm', LANG: 'C.UTF-8' }, terminal).status).toBe('ok')
  expect(judgeTerminal({ TERM: 'xterm', LANG: 'C.UTF-8' }, { ...terminal, columns: 60 }).status).toBe('info')
  expect(judgeTerminal({ TERM: 'dumb' }, terminal).status).toBe('info')
  expect(judgeTools({ git: 'git version 2.39.5', rg: undefined })).toMatchObject({ seen: 'git 2.39.5, no rg' })
})
