const LIMIT_MS = 120_000

export type Finished = { code: number | null; stdout: string; stderr: string }

/** Runs a program with exactly this environment. One that takes minutes has hung, and is killed. */
export async function runToEnd(
  argv: readonly string[],
  { cwd, env }: { cwd: string; env: Record<string, string> },
): Promise<Finished> {
  const child = Bun.spawn([...argv], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  await child.exited
  return { code: child.exitCode, stdout, stderr }
}
