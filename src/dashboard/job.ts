import type { SuspendTerminal } from './screen.tsx'
import { AUTOWRAP_OFF, AUTOWRAP_ON } from './terminal-codes.ts'

export type Job = {
  /** How the terminal is given away meanwhile; nothing can be stopped before. */
  giveWith(suspend: SuspendTerminal): void
  /** Goes on when it is brought back, or at once where there is no job control. */
  stop(): Promise<void>
  /** After a stop that nobody announced, the terminal is somebody else's: begins anew. */
  goOn(): Promise<void>
}

/** The dashboard as a job of a shell. */
export function jobIn(stdout: { write(data: string): unknown }): Job {
  let suspend: SuspendTerminal | undefined
  let isStopped = false
  return {
    giveWith(given) {
      suspend = given
    },
    async stop() {
      if (!suspend || isStopped || process.platform === 'win32') return
      isStopped = true
      try {
        await suspend(async () => {
          stdout.write(AUTOWRAP_ON)
          process.kill(0, 'SIGTSTP') // the whole job, launcher included
          await Bun.sleep(50) // the signal may be late by a moment; time stands still once it is there
          stdout.write(AUTOWRAP_OFF)
        })
      } finally {
        isStopped = false
      }
    },
    async goOn() {
      if (!isStopped) await suspend?.(async () => void stdout.write(AUTOWRAP_OFF))
    },
  }
}
