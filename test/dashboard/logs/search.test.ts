import { describe, expect, test } from 'bun:test'
import { logsLines } from '../../../src/dashboard/logs/logs-lines.ts'
import { isTyping } from '../../../src/dashboard/logs/logs-model.ts'
import { entries, entry, Logs } from './entries.ts'

const words = (...texts: string[]) => texts.map((text, index) => entry(index + 1, text))

describe('search', () => {
  test('goes to the nearest match above while it is typed, and counts', () => {
    const logs = new Logs()
      .take(words('apple', 'bear', 'apricot', 'cherry', 'grape'))
      .do('search')
      .type('ap')
    expect(isTyping(logs.model)).toBe(true)
    expect(logs.head).toBe('/ap▏ 3/3')
    expect(logs.body).toContain('> grape')
    expect(logs.type('r').head).toBe('/apr▏ 1/1')
    expect(logs.body).toContain('> apricot')
    expect(logs.type('z').head).toBe('/aprz▏ no match')
    expect(logs.type('', 'Bksp', 'Bksp', 'Enter').head).toContain('/ap 3/3')
    expect(isTyping(logs.model)).toBe(false)
  })

  test('of a long search, the end is in view', () => {
    const logs = new Logs(6, 40).do('search').type('x'.repeat(60)).type('end')
    expect(logs.head).toMatch(/^\/…x+end▏ no match$/)
    expect(logs.head).toHaveLength(40)
  })

  test('n and N go on in both directions and around the ends', () => {
    const logs = new Logs()
      .take(words('one x', 'two', 'three x', 'four', 'five x'))
      .do('search')
      .type('x', 'Enter')
    const places = [...'nnnNNN'].map(
      key => logs.do(key === 'n' ? 'next-match' : 'previous-match').head.match(/\d\/3/)?.[0],
    )
    expect(places).toEqual(['1/3', '2/3', '3/3', '2/3', '1/3', '3/3'])
  })

  test('an upper-case letter makes case count; signs of patterns are only signs', () => {
    const logs = new Logs().take(words('Error (a.b)', 'error (axb)', 'ÄRGER'))
    expect(logs.do('search').type('error').head).toContain('/2')
    expect(logs.type('', '^U').type('Error').head).toContain('1/1')
    expect(logs.type('', '^U').type('(a.b').head).toContain('1/1')
    expect(logs.type('', '^U').type('ärg').head).toContain('1/1')
  })

  test('the count follows lines that come and lines that fall out', () => {
    const logs = new Logs()
      .take(words('x', 'x', 'y'))
      .do('search')
      .type('x', 'Enter', 'Esc')
    expect(logs.do('search').type('x', 'Enter').head).toContain('/x 2/2')
    logs.take([entry(4, 'x again')])
    expect(logs.head).toContain('/x 2/3')
    logs.take(entries(5, 9_998))
    expect(logs.model.matches.length).toBe(1)
    expect(logs.head).toContain('/x 1 match')
    logs.take(entries(10_003, 10_000))
    expect(logs.head).toContain('/x no match')
  })

  test('Esc while typing goes back to where it began; after that it forgets the search', () => {
    const logs = new Logs().take(words('x', 'y', 'y', 'y', 'y', 'y', 'z'))
    const before = logs.screen
    expect(logs.do('search').type('x').body).toContain('> x')
    expect(logs.type('', 'Esc').screen).toEqual(before)
    logs.do('search').type('x', 'Enter').do('clear')
    expect(logs.head).not.toContain('/x')
  })

  test('& shows matching lines only, those that come too', () => {
    const logs = new Logs().take(words('x 1', 'y', 'x 2')).do('only-matching')
    expect(logs.effects).toEqual([{ type: 'say', text: 'Search first, with /' }])
    logs
      .do('search')
      .type('x', 'Enter')
      .do('only-matching', 'end')
      .take([entry(9, 'x 3'), entry(10, 'y')], 5)
    expect(logs.body).toEqual(['  x 1', '  x 2', '  x 3'])
    expect(logs.do('only-matching').body).toHaveLength(5)
  })

  test('a match beyond the right edge is brought into view', () => {
    const logs = new Logs(6, 40)
      .take(words(`${'a'.repeat(200)}needle${'b'.repeat(200)}`))
      .do('search')
      .type('needle')
    expect(logs.body[0]).toContain('needle')
  })

  test('what was found stands out, and nothing else does', () => {
    const logs = new Logs().take(words('say yes, YES')).do('search').type('yes', 'Enter')
    const marked = logsLines(logs.model)[1]?.filter(({ inverse }) => inverse)
    expect(marked?.map(({ text }) => text)).toEqual(['yes', 'YES'])
  })
})
