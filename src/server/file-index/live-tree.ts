import { join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { type Differences, findDifferences, pairRenames, type Spot } from './differences.ts'
import { EntryStat } from './entry-stat.ts'
import type { FileChange } from './event-feed.ts'
import { Folder } from './folder.ts'
import { FolderWatches, type WatchFolder } from './folder-watches.ts'
import type { IgnoreRules } from './ignore-rules.ts'
import { Patrol, type PatrolTimes } from './patrol.ts'
import { isSamePlace, placeAt, type RootPlace } from './root-place.ts'
import { lookAt, type Sighting, statNow } from './sighting.ts'
import { type Wanted, want } from './wanted.ts'

export type LiveTreeOptions = {
  path: string
  ignores: IgnoreRules
  log: Log
  /** Told of every change found on the disk once the tree is built, in the same step in which the tree takes it in. */
  changed(change: FileChange): void
  watch?: WatchFolder | undefined
  patrol?: Partial<PatrolTimes> | undefined
}

/** From the first hint to the look, so that what is written in one go is looked at once. */
const SETTLE_MS = 25
/** From one look to the next while hints keep coming: a file that is written all the time is reported so often. */
const PAUSE_MS = 200
/** After trouble that is not the file's: too many open files, a disk that does not answer. */
const RETRY_MS = 1_000
/** Folders looked at in one step. */
const BATCH = 64
/** So many hints at once, and the system may have dropped some (Linux keeps 16,384 and Bun does not tell): look at all. */
const BURST = 2_000

type Look = { folder: Folder; path: string; names: Set<string> | undefined; sighting: Sighting | undefined }

/**
 * The files and folders of a workspace, kept as they are on the disk. Watches say where to look; what counts is what is
 * seen there. Built when `start` is called first, not before. The caller closes it.
 */
export class LiveTree {
  readonly root = new Folder('', EntryStat.unknownFolder)
  readonly #options: LiveTreeOptions
  readonly #watches: FolderWatches
  readonly #unwatched = new Set<Folder>()
  /** To be looked at again when their parents have been. */
  readonly #doubted = new WeakSet<Folder>()
  readonly #patrol: Patrol
  /** The last there was. */
  #place: RootPlace | undefined
  #started: Promise<void> | undefined
  #isBuilt = false
  #isClosed = false
  /** The workspace folder itself is not there. */
  #isLost = false
  /** Another folder came in the root's place, and its watch, which may be the old and dead one, has told nothing yet. */
  #isUnproved = false
  /** The last run could not look at everything it wanted to. */
  #isTroubled = false
  #isRunTroubled = false
  readonly #work: Wanted = new Map()
  /** Waiting for the next run, which begins a little later. */
  readonly #hints: Wanted = new Map()
  /** Since the last run. */
  #hintCount = 0
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ranAtMs = Number.NEGATIVE_INFINITY
  #notes = 0

  constructor(options: LiveTreeOptions) {
    this.#options = options
    this.#watches = new FolderWatches((folder, name) => this.#hint(folder, name), options.watch)
    this.#patrol = new Patrol(isFull => this.#lookAgain(isFull), options.log, options.patrol)
  }

  /** Something may be missing, or show late: not all could be looked at yet, or is watched. */
  get isDegraded(): boolean {
    return this.#isBlind || this.#isTroubled || !this.#isBuilt
  }

  /** Some changes show only when the folders are looked at in turn: the system is out of watches, or the root is gone. */
  get #isBlind(): boolean {
    return this.#unwatched.size > 0 || this.#isLost || this.#isUnproved
  }

  /** Resolves when the tree holds everything. */
  start(): Promise<void> {
    this.#started ??= this.#build()
    return this.#started
  }

  async #build(): Promise<void> {
    want(this.#work, this.root, undefined)
    await this.#run()
    this.#isBuilt = true
    this.#patrol.start()
    this.#schedule()
  }

  /**
   * Takes in a change that this server has just made: at once, and so that nothing that was seen before replaces it.
   * Whether it was news: a watch may have been quicker. Nothing to do before the start: the change will be found.
   */
  adopt({ type, path, toPath }: FileChange): boolean {
    if (!this.#started || this.#isClosed) return true
    const from = type === 'delete' || type === 'rename' ? this.#find(path) : undefined
    if (from && toPath !== undefined && this.#adoptRename(from, toPath)) return true
    if (from) this.#forget(from)
    const isNews = type !== 'delete' && this.#adoptEntry(toPath ?? path)
    this.#schedule()
    return isNews || from !== undefined
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#patrol.stop()
    this.#watches.close()
    this.#work.clear()
    this.#hints.clear()
  }

  #adoptRename(from: Spot, toPath: string): boolean {
    const to = this.#ensureSpot(toPath)
    if (!to || !canMove(from, to)) return false
    this.#remove(to.folder, to.name)
    this.#note(from.folder)
    this.#note(to.folder)
    this.#move(from, to)
    this.#schedule()
    return true
  }

  /** Whether it differs from what was known. */
  #adoptEntry(path: string): boolean {
    const known = this.#find(path)
    const spot = this.#ensureSpot(path)
    if (spot) {
      this.#note(spot.folder)
      this.#put(spot)
    } else if (known) this.#forget(known)
    const isSame =
      spot && known && (known.stat.equals(spot.stat) || (known.stat.kind === 'dir' && spot.stat.kind === 'dir'))
    return !isSame
  }

  #forget({ folder, name }: Spot): void {
    this.#note(folder)
    this.#remove(folder, name)
  }

  /** What the tree knows at a path. */
  #find(path: string): Spot | undefined {
    const segments = path.split('/')
    const name = segments.pop() ?? ''
    const folder = segments.reduce<Folder | undefined>((at, segment) => at?.folder(segment), this.root)
    const stat = folder?.file(name)?.stat ?? folder?.folder(name)?.stat
    return folder && stat && { folder, name, stat }
  }

  /** What the disk has at a path, the folders above it taken in and told of. Undefined when it is no part of the catalog. */
  #ensureSpot(path: string): Spot | undefined {
    if (this.#options.ignores.ignoresPath(path)) return undefined
    const segments = path.split('/')
    const name = segments.pop() ?? ''
    let folder = this.root
    for (const segment of segments) {
      if (!folder.folder(segment)) {
        const stat = statNow(this.#absolute(folder.pathOf(segment)))
        if (stat?.kind !== 'dir') return undefined
        this.#note(folder)
        this.#put({ folder, name: segment, stat })
        this.#tell({ type: 'mkdir', path: folder.pathOf(segment), revision: stat.revision })
      }
      folder = folder.folder(segment) ?? folder
    }
    const stat = statNow(this.#absolute(folder.pathOf(name)))
    return stat && { folder, name, stat }
  }

  /** From now on, what was seen of this folder before counts no more. */
  #note(folder: Folder): void {
    this.#notes += 1
    folder.notedAt = this.#notes
  }

  #hint(folder: Folder, name: string | undefined): void {
    if (this.#isClosed || !folder.isWithin(this.root)) return
    if (folder === this.root && name !== undefined) this.#isUnproved = false
    if (name !== undefined && this.#options.ignores.ignores(folder.path, name)) return
    this.#hintCount += 1
    want(this.#hints, folder, name === undefined ? undefined : [name])
    this.#schedule()
  }

  #schedule(delayMs = this.#delayMs()): void {
    if (!this.#isBuilt || this.#isClosed || this.#running || this.#timer) return
    if (this.#hints.size === 0 && this.#work.size === 0) return
    this.#timer = setTimeout(() => void this.#run(), delayMs)
    this.#timer.unref()
  }

  #delayMs(): number {
    if (this.#isTroubled) return RETRY_MS
    return Math.max(SETTLE_MS, this.#ranAtMs + PAUSE_MS - performance.now())
  }

  /** Looks at everything wanted, and at what that leads to. */
  #run(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#drain()
      .catch(error => this.#options.log.error(`Keeping a catalog failed: ${error?.stack ?? error}`))
      .finally(() => {
        this.#running = undefined
        this.#ranAtMs = performance.now()
        this.#schedule()
      })
    return this.#running
  }

  async #drain(): Promise<void> {
    this.#isRunTroubled = false
    for (const [folder, names] of this.#hints) want(this.#work, folder, names)
    this.#hints.clear()
    if (this.#hintCount > BURST) this.#patrol.soon()
    this.#hintCount = 0
    const isRootKnown = !this.#work.has(this.root) || (await this.checkRoot())
    while (isRootKnown && this.#work.size > 0 && !this.#isClosed) {
      const notes = this.#notes
      const looks = await Promise.all(this.#takeBatch().map(([folder, names]) => this.#look(folder, names)))
      if (!this.#isClosed) this.#apply(looks, notes)
    }
    this.#isTroubled = this.#isRunTroubled
    this.#patrol.setDegraded(this.#isBlind, this.#base)
  }

  #takeBatch(): [Folder, Set<string> | undefined][] {
    const batch = [...this.#work.entries().take(BATCH)]
    for (const [folder] of batch) this.#work.delete(folder)
    return batch.filter(([folder]) => folder.isWithin(this.root))
  }

  async #look(folder: Folder, names: Set<string> | undefined): Promise<Look> {
    const { path } = folder
    const watched = this.#watches.ensure(folder, this.#absolute(path))
    if (watched === 'exhausted') this.#unwatched.add(folder)
    else this.#unwatched.delete(folder)
    try {
      const isIgnored = (name: string): boolean => this.#options.ignores.ignores(path, name)
      return { folder, path, names, sighting: await lookAt(this.#absolute(path), names, isIgnored) }
    } catch (error) {
      this.#trouble(error)
      return { folder, path, names, sighting: undefined }
    }
  }

  #trouble(error: unknown): void {
    if (!this.#isTroubled) this.#options.log.warn(`Cannot look at ${this.#base} now (${systemCode(error) ?? error})`)
    this.#isTroubled = true
    this.#isRunTroubled = true
  }

  /**
   * Lets go of everything when the workspace's path leads to another folder than before, or to none. Whether that could
   * be found out.
   */
  async checkRoot(): Promise<boolean> {
    try {
      const place = await placeAt(this.#options.path)
      if (this.#isClosed) return false
      const isOther = place ? !this.#place || !isSamePlace(place, this.#place) : !this.#isLost
      if (isOther) this.#moveTo(place)
      return true
    } catch (error) {
      this.#trouble(error)
      want(this.#hints, this.root, undefined)
      this.#schedule()
      return false
    }
  }

  #moveTo(place: RootPlace | undefined): void {
    this.#empty()
    if (place) {
      this.#place = place
      this.#isUnproved = this.#isBuilt
    }
    want(this.#work, this.root, undefined)
    this.#schedule()
  }

  /** As if the root held nothing, until it is looked at again. */
  #empty(): void {
    this.#isLost = true
    this.#note(this.root)
    this.#watches.drop(this.root)
    const found: Differences = { gone: [], came: [], changed: [], kept: [], renamed: [] }
    findDifferences(this.root, undefined, { self: undefined, entries: new Map() }, found)
    this.#takeIn(found)
  }

  /** Without a pause: whoever reads the tree sees it before or after. */
  #apply(looks: readonly Look[], notesBefore: number): void {
    const found: Differences = { gone: [], came: [], changed: [], kept: [], renamed: [] }
    let isLost = false
    for (const { folder, path, names, sighting } of looks) {
      if (!folder.isWithin(this.root)) continue
      if (!sighting) want(this.#hints, folder, names)
      else if (folder.notedAt > notesBefore || folder.path !== path) want(this.#work, folder, names)
      else if (!sighting.self) isLost = !this.#askParent(folder) || isLost
      else if (sighting.self.ino !== (folder.parent ? folder.stat.ino : this.#place?.ino)) this.#doubt(folder)
      else {
        if (folder === this.root) this.#isLost = false
        this.#recognise(folder, sighting.self)
        findDifferences(folder, names, sighting, found)
      }
    }
    pairRenames(found)
    this.#takeIn(found)
    if (isLost) this.#empty()
  }

  #takeIn({ renamed, gone, came, changed, kept }: Differences): void {
    for (const { from, to } of renamed) {
      if (!canMove(from, to)) {
        gone.push(from)
        came.push(to)
        continue
      }
      const path = from.folder.pathOf(from.name)
      this.#move(from, to)
      this.#tell({ type: 'rename', path, toPath: to.folder.pathOf(to.name), revision: to.stat.revision })
    }
    for (const { folder, name } of gone) {
      if (!folder.isWithin(this.root)) continue
      this.#remove(folder, name)
      this.#tell({ type: 'delete', path: folder.pathOf(name) })
    }
    for (const spot of [...came, ...changed]) {
      if (!spot.folder.isWithin(this.root)) continue
      this.#put(spot)
      const path = spot.folder.pathOf(spot.name)
      this.#tell({ type: spot.stat.kind === 'dir' ? 'mkdir' : 'write', path, revision: spot.stat.revision })
    }
    for (const { folder, stat } of kept) if (folder.isWithin(this.root)) this.#recognise(folder, stat)
  }

  #tell(change: FileChange): void {
    if (this.#isBuilt) this.#options.changed(change)
  }

  /** The parent of a folder that cannot be found tells what became of it. False for the root, which has none. */
  #askParent({ parent, name }: Folder): boolean {
    if (parent) want(this.#work, parent, [name])
    return parent !== undefined
  }

  /**
   * Not the folder that its parent was seen to hold: another has taken its place, or a link above it leads elsewhere.
   * Nothing that was seen there is believed; the parent tells. A little later, or who plays with links could keep us busy.
   */
  #doubt(folder: Folder): void {
    const { parent } = folder
    this.#watches.drop(folder)
    this.#doubted.add(folder)
    want(this.#hints, parent ?? folder, parent && [folder.name])
  }

  /** Another inode under a known path is another folder: its watch is void. */
  #recognise(folder: Folder, stat: EntryStat): void {
    const isOther = this.#doubted.delete(folder) || (folder.stat.ino !== stat.ino && folder.stat.ino !== 0)
    folder.stat = stat
    if (!isOther) return
    this.#watches.drop(folder)
    want(this.#work, folder, undefined)
  }

  /** Puts in what the disk has at a spot. A new folder is looked into next. */
  #put({ folder, name, stat }: Spot): void {
    const known = folder.folder(name)
    if (stat.kind === 'file') {
      if (known) this.#remove(folder, name)
      folder.putFile(name, stat)
    } else if (known) this.#recognise(known, stat)
    else {
      folder.remove(name)
      const created = new Folder(name, stat)
      folder.attach(created, name)
      want(this.#work, created, undefined)
    }
  }

  #move(from: Spot, to: Spot): void {
    const moved = from.folder.folder(from.name)
    from.folder.remove(from.name)
    if (!moved) {
      to.folder.putFile(to.name, to.stat)
      return
    }
    to.folder.attach(moved, to.name)
    moved.stat = to.stat
    for (const folder of moved.all()) {
      this.#watches.drop(folder)
      want(this.#work, folder, undefined)
    }
  }

  #remove(folder: Folder, name: string): void {
    const removed = folder.folder(name)
    for (const each of removed?.all() ?? []) {
      this.#watches.drop(each)
      this.#unwatched.delete(each)
    }
    folder.remove(name)
  }

  /** Every folder, or those without a watch. */
  async #lookAgain(isFull: boolean): Promise<void> {
    await this.#running
    await this.checkRoot()
    // Bun hands out a dead watch until the last who holds it has let it go.
    if (this.#isUnproved) this.#watches.drop(this.root)
    if (this.#isLost || this.#isUnproved) want(this.#work, this.root, undefined)
    for (const folder of isFull ? this.root.all() : this.#unwatched) want(this.#work, folder, undefined)
    await this.#run()
  }

  get #base(): string {
    return this.#place?.path ?? this.#options.path
  }

  #absolute(path: string): string {
    return join(this.#base, path)
  }
}

/** Looks at different moments may seem to say that a folder went into itself. */
function canMove(from: Spot, to: Spot): boolean {
  if (from.stat.kind !== to.stat.kind) return false
  const moved = from.folder.folder(from.name)
  return !moved || !to.folder.isWithin(moved)
}
