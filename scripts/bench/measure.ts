export type Unit = 'ms' | 'processes' | 'MB' | 'MB/s' | 'requests/s' | '% of a core'

export type Measurement = {
  name: string
  unit: Unit
  /** Median of the runs. */
  value: number
  /** What it is held against, measured in the same run. */
  floor?: { name: string; value: number }
  /** A limit on `value / floor.value`, or on `value` itself. None: the number is only told. */
  budget?: { of: 'ratio' | 'value'; atMost: number } | { of: 'ratio' | 'value'; atLeast: number }
}

/** The number that the budget is about. */
export const figure = ({ value, floor, budget }: Measurement): number =>
  budget?.of === 'ratio' ? value / (floor?.value ?? Number.NaN) : value

export function isWithin(measurement: Measurement): boolean {
  const { budget } = measurement
  if (!budget) return true
  return 'atMost' in budget ? figure(measurement) <= budget.atMost : figure(measurement) >= budget.atLeast
}

/** The value below which a share of the samples lies; 0.5 is the median. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/**
 * Samples of each side, taken in turns so that a slow minute of the machine hits all of them, after one round that does
 * not count. Every other round goes backwards: nobody always has the caches warmed by the same neighbour.
 */
export async function inTurns<Side extends string, Sample>(
  rounds: number,
  sides: Record<Side, () => Sample | Promise<Sample>>,
): Promise<Record<Side, Sample[]>> {
  const names = Object.keys(sides) as Side[]
  const samples = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Side, Sample[]>
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of round % 2 ? names : names.toReversed()) {
      const sample = await sides[name]()
      if (round > 0) samples[name].push(sample)
    }
  }
  return samples
}

/** Milliseconds that something takes. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
