/** The Telegram and Slack bridge has its name here, but is not written yet: saying so beats a start that does nothing. */
export async function main(): Promise<number> {
  process.stderr.write('opencode-router: the Telegram and Slack bridge is not part of this version yet\n')
  return 1
}
