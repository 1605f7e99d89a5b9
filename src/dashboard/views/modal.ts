import { renderUnicodeCompact } from 'uqr'
import { countdown } from '../format.ts'
import type { Modal, State } from '../state.ts'
import { cells, cut, harmless, type Line, span } from '../text.ts'

/** What lies over the view. It takes its place wholly: half a table beside a question tells nobody anything. */
export function modalLines(modal: Modal, state: Pick<State, 'nowMs' | 'size'>, rows: number): Line[] {
  const { columns } = state.size
  const lines = modal.type === 'confirm' ? confirmLines(modal, columns) : pairingLines(modal, state, rows)
  const above = Math.max(0, Math.floor((rows - lines.length) / 2))
  return [...Array.from({ length: above }, (): Line => []), ...lines].slice(0, rows)
}

function confirmLines({ title, text }: Modal & { type: 'confirm' }, columns: number): Line[] {
  return [
    [span(`  ${title}`, { bold: true, color: 'yellow' })],
    ...text.map((line): Line => [span(cut(`  ${harmless(line)}`, columns))]),
    [],
    [
      span('  y', { bold: true, color: 'cyan' }),
      span(' yes   '),
      span('n', { bold: true, color: 'cyan' }),
      span(' no'),
    ],
  ]
}

function pairingLines(
  { pairing, isRemote }: Modal & { type: 'pairing' },
  { nowMs, size }: Pick<State, 'nowMs' | 'size'>,
  rows: number,
): Line[] {
  if (!pairing) return [[span('  Asking for a pairing code…', { dim: true })]]
  const left = countdown(pairing.expiresAt - nowMs)
  const head: Line[] = [
    [span('  Pair a device', { bold: true }), span(`  for one device, good for ${left}`, { dim: true })],
    ...(isRemote
      ? []
      : [
          [
            span('  Only this machine reaches it: start with --remote-access for others.', {
              color: 'yellow' as const,
            }),
          ],
        ]),
    ...inPieces(`  ${pairing.url}`, size.columns).map((piece): Line => [span(piece, { bold: true })]),
  ]
  const code = renderUnicodeCompact(pairing.url, { border: 2 })
    .split('\n')
    .map((row): Line => [span('  '), span(row)])
  const fits =
    head.length + code.length <= rows && code.every(row => cells(row.map(({ text }) => text).join('')) <= size.columns)
  return fits ? [...head, ...code] : [...head, [span('  The window is too small for the QR code.', { dim: true })]]
}

/** All of a text, over as many rows as it takes: a link that was cut off leads nowhere. */
function inPieces(text: string, width: number): string[] {
  const pieces: string[] = []
  for (let start = 0; start < text.length; start += width) pieces.push(text.slice(start, start + width))
  return pieces
}
