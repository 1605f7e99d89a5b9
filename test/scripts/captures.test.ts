import { expect, test } from 'bun:test'
import { parseScreen, plainRow } from '../../scripts/captures/screen.ts'
import { scrubber } from '../../scripts/captures/scrub.ts'
import { renderSvg } from '../../scripts/captures/svg.ts'

test('colours and styles of a captured screen go on until they are ended, over lines too', () => {
  const [first, second] = parseScreen('a\x1b[1;31mb\x1b[38;5;46mc\n\x1b[22md\x1b[38;2;1;2;3;7me\x1b[0mf\n')
  expect(first?.map(({ style }) => style)).toEqual([
    {},
    { bold: true, color: '#ff7b72' },
    { bold: true, color: '#00ff00' },
  ])
  expect(second?.map(({ text, style: { color, inverse } }) => [text, color, inverse])).toEqual([
    ['d', '#00ff00', undefined],
    ['e', '#010203', true],
    ['f', undefined, undefined],
  ])
  expect(second?.[0]?.style.bold).toBe(false)
})

test('a picture holds the text on its grid, wide characters on two cells, and nothing that is not text', () => {
  const rows = parseScreen('a日b <&"> \x1b[7mx\x1b[0m\n▀▄█▂')
  expect(plainRow(rows[0] ?? [])).toBe('a日b <&"> x')
  const svg = renderSvg(rows, { title: 'A <title>', columns: 20 })
  expect(svg).toContain('x="8.4" y="13.5" textLength="16.8" lengthAdjust="spacingAndGlyphs">日</text>')
  expect(svg).toContain('x="25.2"')
  expect(svg).toContain('>b &lt;&amp;&quot;&gt;<')
  expect(svg).toContain('<title>A &lt;title&gt;</title>')
  expect(svg.match(/<rect x="\d/g)).toHaveLength(5) // the ground of the x, and the blocks
})

test('what differs from run to run is replaced, and what stands behind it stays in its column', () => {
  const rows = parseScreen('pid 12345  port 49152 end\n日本 pid 12345 of it  pid 999    x\n')
  const scrub = scrubber([
    { find: /\b(?<=pid )\d+/g, with: (_, index) => String(4021 + index) },
    { find: '49152', with: '8787' },
    { find: 'end', with: 'the end' },
  ])
  expect(scrub(rows).map(plainRow)).toEqual(['pid 4021   port 8787 the end', '日本 pid 4021 of it   pid 4022   x'])
})
