import { z } from 'zod'

/** How to reach the OpenCode engine of a workspace. Viewers get it without credentials. */
const opencodeConnection = z.object({
  baseUrl: z.string().optional(),
  directory: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
})

export const workspace = z.object({
  id: z.string(),
  name: z.string(),
  /** Empty for a remote workspace. */
  path: z.string(),
  preset: z.string(),
  workspaceType: z.enum(['local', 'remote']),
  remoteType: z.enum(['opencode', 'openwork']).optional(),
  baseUrl: z.string().optional(),
  directory: z.string().optional(),
  displayName: z.string().optional(),
  openworkHostUrl: z.string().optional(),
  openworkToken: z.string().optional(),
  openworkWorkspaceId: z.string().optional(),
  openworkWorkspaceName: z.string().optional(),
  sandboxBackend: z.string().optional(),
  sandboxRunId: z.string().optional(),
  sandboxContainerName: z.string().optional(),
  opencode: opencodeConnection.optional(),
})
export type Workspace = z.infer<typeof workspace>

/** `workspaces` repeats `items` for older clients; a mounted list leaves it out. */
export const workspaceList = z.object({
  items: z.array(workspace),
  workspaces: z.array(workspace).optional(),
  activeId: z.string().nullable(),
})

export const activatedWorkspace = z.object({
  activeId: z.string(),
  workspace,
  persisted: z.literal(false),
})

export const localWorkspaceRequest = z.object({
  /** Absolute, on the server's machine. */
  folderPath: z.string().trim().min(1).max(4096),
  name: z.string().trim().max(200).optional(),
  /** Which starter files it gets; the folder's own are never replaced. */
  preset: z.string().trim().min(1).max(80).default('starter'),
})
export type LocalWorkspaceRequest = z.infer<typeof localWorkspaceRequest>

/** Blank or absent: the name is taken back. */
export const displayNameRequest = z.object({ displayName: z.string().max(200).nullish() })

/** `persisted`: it holds after a restart too, because the server has a settings file. */
export const managedWorkspaces = z.object({
  activeId: z.string().nullable(),
  workspaces: z.array(workspace),
  persisted: z.boolean(),
})

/** `force`: also when a daemon would end work with it, or somebody holds a lease of it. */
export const removeQuery = z.object({ force: z.stringbool().optional() })

export const deletedWorkspace = managedWorkspaces.extend({
  ok: z.literal(true),
  deleted: z.literal(true),
  items: z.array(workspace),
})
