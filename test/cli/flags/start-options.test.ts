import { describe, expect, test } from 'bun:test'
import { parseStartOptions, type StartValues } from '../../../src/cli/flags/start-options.ts'
import { kebab } from '../../../src/cli/kit/table.ts'
import { secret } from '../../../src/shared/secret.ts'

const TYPED_NOTHING: StartValues = {
  workspace: '/w',
  createWorkspace: false,
  dataDir: '/data',
  remoteAccess: false,
  connectHost: undefined,
  openworkHost: undefined,
  openworkPort: 8787,
  openworkToken: undefined,
  openworkHostToken: undefined,
  approval: 'manual',
  approvalTimeout: 30_000,
  readOnly: false,
  cors: [],
  allowedHosts: [],
  opencodeBin: undefined,
  opencodeHost: '127.0.0.1',
  opencodePort: undefined,
  opencodeLogLevel: undefined,
  opencodeAuth: true,
  opencodeReadyTimeoutMs: 30_000,
  opencodeHotReload: true,
  opencodeHotReloadDebounceMs: 700,
  opencodeHotReloadCooldownMs: 1_500,
  opencodeHotReloadDeadlineMs: 600_000,
  opencodeSource: 'auto',
  sidecarSource: 'auto',
  sidecarBaseUrl: undefined,
  sidecarManifest: undefined,
  sidecarDir: undefined,
  allowExternal: false,
  attach: false,
  check: false,
  checkEvents: false,
  tui: undefined,
  plain: false,
  detach: false,
  background: false,
  logFile: undefined,
  sandbox: 'none',
  opencodeRouter: undefined,
  opencodeRouterRequired: false,
  opencodeRouterBin: undefined,
  opencodeRouterHealthPort: undefined,
  openworkServerBin: undefined,
  sandboxImage: undefined,
  sandboxPersistDir: undefined,
  sandboxMount: undefined,
  opencodeUsername: undefined,
  opencodePassword: undefined,
  allowInjectedCredentials: false,
  internalDevMode: false,
  runId: undefined,
  logFormat: 'pretty',
  color: undefined,
  verbose: false,
}

const parse = (typed: Partial<StartValues>, source: 'flag' | 'env' = 'env') =>
  parseStartOptions(
    { ...TYPED_NOTHING, ...typed },
    {
      source: flag => (flag in typed ? source : 'default'),
      label: flag =>
        source === 'flag' ? `--${kebab(flag)}` : `OPENWORK_${kebab(flag).replaceAll('-', '_').toUpperCase()}`,
    },
  )

const failureOf = (typed: Partial<StartValues>, source?: 'flag' | 'env'): unknown => {
  try {
    parse(typed, source)
  } catch (error) {
    return error
  }
  return undefined
}

describe('start options', () => {
  test('have a cache below the data dir and the documented release host', () => {
    expect(parse({}).sidecars).toMatchObject({
      dir: '/data/sidecars',
      manifestUrl: expect.stringMatching(/\/openwork-orchestrator-v[^/]+\/openwork-orchestrator-sidecars\.json$/),
    })
    expect(parse({ sidecarBaseUrl: 'https://mirror.example/x/' }).sidecars.manifestUrl).toBe(
      'https://mirror.example/x/openwork-orchestrator-sidecars.json',
    )
  })

  test('hold on to a port that was asked for, and only to that', () => {
    expect(parse({}).server.port).toEqual({ number: 8787, exact: false })
    expect(parse({ openworkPort: 9000 }, 'flag').server.port).toEqual({ number: 9000, exact: true })
    expect(parse({ opencodePort: 0 }).opencode.port).toBeUndefined()
  })

  test('take 0.0.0.0 as remote access, and localhost as loopback', () => {
    expect(parse({ openworkHost: '0.0.0.0' }).server.remoteAccess).toBe(true)
    expect(parse({ openworkHost: 'localhost' }).server.remoteAccess).toBe(false)
    expect(parse({ opencodeHost: 'LOCALHOST' }).opencode.host).toBe('127.0.0.1')
  })

  test.each([
    [{ openworkHost: '192.168.1.1' }, 'invalid_value', '192.168.1.1'],
    [{ opencodeHost: '0.0.0.0' }, 'invalid_value', '0.0.0.0'],
    [{ opencodeAuth: false }, 'invalid_value', '--opencode-auth'],
    [{ opencodeBin: './opencode' }, 'external_not_allowed', './opencode'],
    [{ opencodeSource: 'external' }, 'external_not_allowed', 'external'],
    [{ cors: ['foo'] }, 'invalid_value', 'foo'],
    [{ runId: 'x'.repeat(65) }, 'invalid_value', '--run-id'],
    [{ openworkHost: '::1' }, 'invalid_value', '::1'],
    [{ sandboxImage: 'debian' }, 'not_available', '--sandbox-image'],
    [{ opencodeBin: 'o', allowExternal: true, opencodeSource: 'bundled' }, 'flags_conflict', '--opencode-source'],
    [{ openworkServerBin: 's' }, 'external_not_allowed', '--openwork-server-bin s'],
    [{ sidecarSource: 'external' }, 'external_not_allowed', '--sidecar-source external'],
    [
      { openworkServerBin: 's', allowExternal: true, sidecarSource: 'downloaded' },
      'flags_conflict',
      '--sidecar-source downloaded',
    ],
    [{ connectHost: 'box' }, 'flags_conflict', '--remote-access'],
    [{ sandbox: 'docker' }, 'not_available', '--sandbox docker'],
    [{ opencodeRouter: true }, 'not_available', '--opencode-router'],
  ] as const)('refuse %p', (typed, code, named) => {
    expect(failureOf(typed, 'flag')).toMatchObject({ code, message: expect.stringContaining(named) })
  })

  test('are told of a program by the variable that named it', () => {
    expect(failureOf({ opencodeBin: './mine' }, 'env')).toMatchObject({
      message: expect.stringContaining('OPENWORK_OPENCODE_BIN=./mine names a program'),
    })
  })

  test('take origins as browsers send them', () => {
    expect(parse({ cors: ['https://app.example/', '*', 'tauri://localhost'] }).server.cors).toEqual([
      'https://app.example',
      '*',
      'tauri://localhost',
    ])
  })

  test('take opencode credentials from a program with its switch only, and both or none', () => {
    const pair = { opencodeUsername: secret('u'), opencodePassword: secret('p') }
    expect(parse(pair).opencode.credentials).toBeUndefined()
    expect(() => parse(pair, 'flag')).toThrow('not people')
    const given = parse({ ...pair, allowInjectedCredentials: true }).opencode.credentials
    expect(given?.password.reveal()).toBe('p')
    expect(() => parse({ opencodeUsername: secret('u'), allowInjectedCredentials: true })).toThrow('one is missing')
  })

  test('accept what only turns off something that is not there', () => {
    expect(() => parse({ tui: false, opencodeRouter: false })).not.toThrow()
  })
})
