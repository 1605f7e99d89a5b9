import { describe, expect, test } from 'bun:test'
import { figure, inTurns, isWithin, type Measurement, median, quantile } from '../../scripts/bench/measure.ts'
import { renderTable } from '../../scripts/bench/table.ts'

const measurement = (value: number, budget?: Measurement['budget']): Measurement => ({
  name: 'a thing',
  unit: 'ms',
  value,
  floor: { name: 'the floor', value: 10 },
  ...(budget ? { budget } : {}),
})

describe('a benchmark', () => {
  test('takes medians and other quantiles of unsorted samples', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(quantile([3, 1, 2], 1)).toBe(3)
    expect(median([])).toBeNaN()
  })

  test('asks the sides in turns, forwards and backwards, and drops the first round', async () => {
    const order: string[] = []
    const side = (name: string) => () => {
      order.push(name)
      return order.length
    }

    const samples = await inTurns(2, { a: side('a'), b: side('b') })

    expect(order.join('')).toBe('baabba')
    expect(samples).toEqual({ a: [3, 6], b: [4, 5] })
  })

  test('holds a ratio or a value against its budget', () => {
    expect(figure(measurement(12, { of: 'ratio', atMost: 1.2 }))).toBe(1.2)
    expect(isWithin(measurement(12, { of: 'ratio', atMost: 1.2 }))).toBe(true)
    expect(isWithin(measurement(13, { of: 'ratio', atMost: 1.2 }))).toBe(false)
    expect(isWithin(measurement(8, { of: 'ratio', atLeast: 0.85 }))).toBe(false)
    expect(isWithin(measurement(200, { of: 'value', atMost: 200 }))).toBe(true)
    expect(isWithin(measurement(200))).toBe(true)
  })

  test('never passes without a number', () => {
    expect(isWithin(measurement(Number.NaN, { of: 'value', atMost: 1 }))).toBe(false)
  })

  test('says what is over its budget', () => {
    const table = renderTable([
      measurement(12, { of: 'ratio', atMost: 2 }),
      measurement(300, { of: 'value', atMost: 200 }),
      measurement(5),
    ]).split('\n')

    expect(table[1]).toMatch(/^a thing +12\.00 ms +the floor 10\.00 +1\.20× +≤ 2\.00× +pass$/)
    expect(table[2]).toMatch(/300 ms +≤ 200 ms +OVER$/)
    expect(table[3]).toMatch(/^a thing +5\.00 ms +the floor 10\.00$/)
  })
})
