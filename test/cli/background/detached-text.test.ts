import { expect, test } from 'bun:test'
import { detachedText } from '../../../src/cli/background/detached-text.ts'
import { snapshot } from '../../fixtures/dashboard/snapshot.ts'

const HOME = '/home/ada'
const ATTACH = 'OPENCODE_SERVER_PASSWORD=[REDACTED] opencode attach http://127.0.0.1:4096 --dir /home/ada/demo'
const around = { dataDir: `${HOME}/.openwork/openwork-orchestrator`, home: HOME, attach: ATTACH }
const host = snapshot(1_000_000)

test('whoever detaches is told how the host is reached, seen and stopped, a command on a line', () => {
  const lines = detachedText(host, around).split('\n')

  expect(lines).toContain('    connect       http://192.168.1.20:8787')
  expect(lines).toContain(`  ${ATTACH}`)
  expect(lines).toContain('  Owner token     set, withheld')
  const commands = lines.flatMap(
    line => /(?<=^ {2,18}\S?.*)openwork (?:attach|dashboard|logs|stop|url) .*/.exec(line) ?? [],
  )
  expect(commands).toEqual([
    'openwork url --pair --qr r-20261123-42',
    'openwork attach r-20261123-42',
    'openwork dashboard r-20261123-42',
    'openwork logs -f r-20261123-42',
    'openwork stop r-20261123-42',
  ])
  expect(lines.filter(line => line.length > 80 && line !== `  ${ATTACH}` && !line.endsWith('.json'))).toEqual([])
})

test('commands name a data dir that is not the usual one, and other addresses are told', () => {
  const connection = { ...host.connection, alternatives: ['http://10.0.0.5:8787'] }
  const text = detachedText({ ...host, connection, health: 'starting' }, { ...around, dataDir: '/srv/my data' })

  expect(text).toContain("openwork stop r-20261123-42 --data-dir '/srv/my data'\n")
  expect(text).toContain('    or            http://10.0.0.5:8787\n')
  expect(text).toContain('Owner token     made when the host is ready\n')
})
