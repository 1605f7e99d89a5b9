import { expect, test } from 'bun:test'
import { defineCommand, type Program } from '../../../src/cli/kit/define.ts'
import { byteSize, duration } from '../../../src/cli/kit/flags.ts'
import { run, sample } from './harness.ts'

const flags = {
  idle: duration({ minMs: 1_000, maxMs: 86_400_000, never: 'never', default: 900_000, summary: 'Idle' }),
  wait: duration({ minMs: 1_000, maxMs: 86_400_000, summary: 'Wait' }),
  memory: byteSize({ min: 64_000_000, summary: 'Memory' }),
}

const program: Program = {
  ...sample,
  defaultCommand: 'go',
  commands: [
    defineCommand({
      path: 'go',
      summary: 'Goes',
      flags,
      run: async (values, { output }) => output.result(values, JSON.stringify(values)),
    }),
  ],
}

const read = async (...argv: string[]): Promise<Record<string, number>> => {
  const { stdout, stderr } = await run(['go', ...argv], { program })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

test('times and sizes are typed with their unit', async () => {
  expect(await read()).toEqual({ idle: 900_000 })
  expect(await read('--idle', '90s', '--wait', '1.5h', '--memory', '2GB')).toEqual({
    idle: 90_000,
    wait: 5_400_000,
    memory: 2_000_000_000,
  })
  expect(await read('--idle', '0', '--memory', '1.5GiB')).toMatchObject({ idle: 0, memory: 1_610_612_736 })
  expect(await read('--idle', '1500 MS', '--memory', '512 m')).toMatchObject({ idle: 1_500, memory: 512_000_000 })
})

test('a number without its unit, or out of range, is refused with what is allowed', async () => {
  for (const [flag, given, mention] of [
    ['idle', '15', '15m'],
    ['idle', '10ms', 'from 1s to 1d'],
    ['idle', '2d', 'from 1s to 1d'],
    ['idle', '15 minutes', '0 for never'],
    ['wait', '0', 'from 1s'],
    ['memory', '2', '512MB'],
    ['memory', '1MB', 'at least 64 MB'],
    ['memory', '-2GB', '512MB'],
  ] as const) {
    const { code, stderr } = await run(['go', `--${flag}=${given}`], { program })
    expect(code).toBe(2)
    expect(stderr).toContain(mention)
  }
})

test('what is written of a value is read as the same value again', async () => {
  const values = await read('--idle', '0', '--wait', '1.5h', '--memory', '1.5GiB')

  const again = Object.entries(flags).map(([name, flag]) => `--${name}=${flag.write(values[name])}`)

  expect(await read(...again)).toEqual(values)
})
