import { Writable } from 'node:stream'

/** A stream of this width, a terminal or not, and all that was written to it. */
export function recordingTerminal({ isTTY, columns }: { isTTY: boolean; columns: number }) {
  let written = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  return { stream: Object.assign(stream, { isTTY, columns }), written: () => written }
}
