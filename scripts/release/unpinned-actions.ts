/**
 * The actions that a workflow uses by a name that can be moved to other code: anything but a full commit. The version
 * stands behind it, for people and for the bots that update it: `uses: actions/checkout@<40 hex digits> # v4.2.2`.
 */
export const unpinnedActions = (workflow: string): string[] =>
  [...workflow.matchAll(/^\s*(?:-\s+)?uses:\s*(.+?)\s*$/gm)]
    .map(([, use = '']) => use)
    .filter(use => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+(?:\.\d+){0,2}$/.test(use) && !use.startsWith('./'))
