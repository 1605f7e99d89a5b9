import { expect, test } from 'bun:test'
import { daemonFlags } from '../../../src/cli/daemon/daemon-flags.ts'
import { forwardFlags } from '../../../src/cli/kit/forward.ts'
import { secret } from '../../../src/shared/secret.ts'

test('a daemon gets what was given here: nothing secret as an argument, and nothing that was left to its default', () => {
  const values = {
    openworkToken: secret('tok-5e1f2e'),
    sidecarBaseUrl: 'https://ada:hunter22@mirror.example',
    idleTimeout: 90_000,
    connectHost: 'box.example',
    cors: ['https://a.example'],
    verbose: true,
    opencodeHost: '127.0.0.1',
  }

  const { args, env } = forwardFlags(daemonFlags, values, key => (key === 'opencodeHost' ? 'default' : 'flag'))

  expect(args).toEqual(['--connect-host=box.example'])
  expect(env).toEqual({
    OPENWORK_CONFIG: 'off',
    OPENWORK_TOKEN: 'tok-5e1f2e',
    OPENWORK_SIDECAR_BASE_URL: 'https://ada:hunter22@mirror.example',
    OPENWORK_IDLE_TIMEOUT: '90000ms',
    OPENWORK_OPENCODE_CORS: '["https://a.example"]',
    OPENWORK_VERBOSE: 'true',
  })
})
