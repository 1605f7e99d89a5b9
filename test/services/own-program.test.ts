import { describe, expect, test } from 'bun:test'
import { ownProgramArgv, selectProgram } from '../../src/services/own-program.ts'

describe('one executable, three programs', () => {
  test('its start name selects, whatever the folder and ending', () => {
    expect(selectProgram('/opt/bin/openwork-server', ['--port', '1'])).toEqual({
      program: 'openwork-server',
      args: ['--port', '1'],
    })
    expect(selectProgram('opencode-router.exe', []).program).toBe('opencode-router')
  })

  test('a name said twice, by start name and argument, is no argument', () => {
    expect(selectProgram('openwork-server', ['openwork-server', '--help']).args).toEqual(['--help'])
  })

  test('the first argument selects when the name does not', () => {
    expect(selectProgram('openwork', ['openwork-server', '--help'])).toEqual({
      program: 'openwork-server',
      args: ['--help'],
    })
  })

  test('anything else is openwork itself', () => {
    expect(selectProgram('/tmp/renamed', ['start'])).toEqual({ program: 'openwork', args: ['start'] })
    expect(selectProgram('openwork', ['openwork'])).toEqual({ program: 'openwork', args: ['openwork'] })
  })

  test('a program of ours runs with the same executable, from source through the same entry file', () => {
    const compiled = { execPath: '/opt/openwork', execArgv: [], main: '/$bunfs/root/openwork' }
    expect(ownProgramArgv(compiled, 'openwork-server', ['--port', '1'])).toEqual([
      '/opt/openwork',
      'openwork-server',
      '--port',
      '1',
    ])

    const source = { execPath: '/bun', execArgv: ['--no-env-file'], main: '/src/bin/openwork.ts' }
    expect(ownProgramArgv(source, 'openwork-server', [])).toEqual([
      '/bun',
      '--no-env-file',
      '/src/bin/openwork.ts',
      'openwork-server',
    ])
    expect(ownProgramArgv(compiled, 'openwork', ['daemon', 'run'])).toEqual(['/opt/openwork', 'daemon', 'run'])
  })
})
