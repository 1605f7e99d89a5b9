import { describe, expect, test } from 'bun:test'
import { agentEnvironment, ownProgramEnvironment, resourceAttributes } from '../../src/services/child-environment.ts'

const HOSTILE = {
  OPENWORK_TOKEN: 'client-token',
  OPENWORK_HOST_TOKEN: 'host-token',
  OPENWORK_CONTROL_TOKEN: 'control',
  DEN_ACTIVITY_HEARTBEAT_TOKEN: 'den',
  OPENCODE_SERVER_PASSWORD: 'password',
  BUN_OPTIONS: '--preload ./evil.ts',
  BUN_BE_BUN: '1',
  BUN_CONFIG_VERBOSE_FETCH: 'curl',
  NODE_OPTIONS: '--require ./evil.js',
}

describe('the environment of children', () => {
  test('the agent sees none of our secrets and nothing that makes a runtime load foreign code', () => {
    expect(agentEnvironment({ ...HOSTILE, PATH: '/bin' })).toEqual({ PATH: '/bin' })
  })

  test('the agent keeps what the user set for it', () => {
    const own = { ANTHROPIC_API_KEY: 'k', OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_CONFIG: '/c', EDITOR: 'vi' }
    expect(agentEnvironment(own)).toEqual(own)
  })

  test('a program of ours gets what it reads, and none of the user’s keys', () => {
    const env = ownProgramEnvironment({ ...HOSTILE, PATH: '/bin', HOME: '/h', ANTHROPIC_API_KEY: 'k', LC_ALL: 'C' })

    expect(env).toMatchObject({ PATH: '/bin', HOME: '/h', LC_ALL: 'C' })
    expect(Object.keys(env).filter(name => name in HOSTILE || name === 'ANTHROPIC_API_KEY')).toEqual([])
  })
})

describe('OTEL resource attributes', () => {
  test('are merged: inherited ones stay, name and instance are the child’s', () => {
    expect(resourceAttributes('team=blue, service.name=other,broken', 'opencode', 'run,1')).toBe(
      'team=blue,service.name=opencode,service.instance.id=run;1',
    )
  })
})
