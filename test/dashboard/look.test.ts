import { expect, test } from 'bun:test'
import { lookOf } from '../../src/cli/dashboard/show.ts'

test('the dashboard has colours and a screen unless the terminal, or whoever sits there, does without', () => {
  const look = (flags: { color?: boolean; plain?: boolean }, env: Record<string, string> = {}, color = true) =>
    lookOf({ plain: false, ...flags }, { env, color })
  expect(look({})).toEqual({ color: true, isPlain: false })
  expect(look({}, { NO_COLOR: '1' })).toEqual({ color: false, isPlain: false })
  expect(look({}, { NO_COLOR: '' })).toEqual({ color: true, isPlain: false })
  expect(look({ color: false })).toEqual({ color: false, isPlain: false })
  expect(look({ color: true }, {}, false)).toEqual({ color: true, isPlain: false })
  expect(look({ color: true }, { NO_COLOR: '1' })).toEqual({ color: false, isPlain: false })
  expect(look({ plain: true })).toEqual({ color: true, isPlain: true })
  expect(look({}, { TERM: 'dumb' })).toEqual({ color: true, isPlain: true })
})
