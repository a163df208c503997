import { z } from 'zod';
import type { Random } from '../runtime/index.js';
import { checkedCall, readFile, unlinkIfThere, writeNewFile } from './checked-file.js';
import { UNFINISHED_SUFFIX } from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import type { ProcessIdentity, ProcessInfo } from './process-info.js';
import { StorageError, StorageIoError } from './storage-error.js';

/** What the lock needs of the world. */
export interface LockSeams {
  readonly fileSystem: FileSystem;
  readonly processInfo: ProcessInfo;
  readonly random: Random;
}

/** A lock that is held. */
export interface HeldLock {
  /** Gives it up, unless somebody else holds it by now. To be called once. */
  release(): Promise<void>;
}

/** What the lock of a directory says of who has it open. */
export type LockStatus =
  /** Nobody: there is no lock, or its holder is gone. */
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly holder: ProcessIdentity }
  /** It is there and names nobody, or may not be read: somebody may have it open, and no opening would succeed. */
  | { readonly kind: 'unreadable' };

const holderSchema = z.strictObject({
  pid: z.number().int().min(1),
  startTime: z.string(),
  machineBootId: z.string(),
  token: z.string(),
});
type Holder = z.output<typeof holderSchema>;

const LOCK_BYTES_MAX = 4_096;
/** A broken lock is replaced under a second lock, whose holder may have died as well, and so on. */
const BREAKING_DEPTH_MAX = 4;

/**
 * Takes the lock of a data directory: a file that names its holder (pid, start time, boot of the machine),
 * made complete under another name and put in place by `link`, which fails if it is there. A lock whose
 * holder is gone is replaced.
 *
 * It keeps two processes of one machine apart. It cannot judge processes that it cannot see: on another
 * machine (a network file system), or in another container of this machine that has pids of its own.
 *
 * @throws {StorageError} `storage_locked` while its holder runs, or if the holder cannot be read.
 */
export function acquireLock(path: string, seams: LockSeams): Promise<HeldLock> {
  return acquire(path, seams, BREAKING_DEPTH_MAX);
}

/** What the lock tells somebody who only looks; never rejects because of the lock itself. */
export async function lockStatus(
  path: string,
  fileSystem: FileSystem,
  processInfo: ProcessInfo,
): Promise<LockStatus> {
  try {
    const holder = await readHolder(path, fileSystem);
    if (holder === 'none') return { kind: 'free' };
    if (holder === 'unreadable') return { kind: 'unreadable' };
    if (await processInfo.isGone(holder)) return { kind: 'free' };
    const { pid, startTime, machineBootId } = holder;
    return { kind: 'held', holder: { pid, startTime, machineBootId } };
  } catch (error) {
    if (error instanceof StorageIoError) return { kind: 'unreadable' };
    throw error;
  }
}

async function acquire(path: string, seams: LockSeams, depth: number): Promise<HeldLock> {
  const { fileSystem, processInfo, random } = seams;
  const mine: Holder = { ...(await processInfo.self()), token: random.nextId() };
  const temporary = `${path}.${mine.token}${UNFINISHED_SUFFIX}`;
  await writeNewFile(fileSystem, temporary, new TextEncoder().encode(JSON.stringify(mine)));
  try {
    if (!(await tryLink(temporary, path, fileSystem))) {
      const stale = await readHolder(path, fileSystem);
      if (typeof stale === 'string' || depth === 0 || !(await processInfo.isGone(stale))) {
        throw lockedError(path, stale);
      }
      await replaceStale(path, stale, temporary, seams, depth);
    }
    await unlinkIfThere(fileSystem, temporary);
  } catch (error) {
    // It may be ours by now, and this process runs: nobody else could ever take it. The first failure is the one to tell.
    await release(path, mine, fileSystem).catch(() => {});
    await unlinkIfThere(fileSystem, temporary).catch(() => {});
    throw error;
  }
  return { release: () => release(path, mine, fileSystem) };
}

/**
 * Puts our lock in the place of a stale one. Two processes may find the same stale lock at once: whoever
 * holds the second lock looks again, so that the other does not replace the lock of the first.
 */
async function replaceStale(
  path: string,
  stale: Holder,
  temporary: string,
  seams: LockSeams,
  depth: number,
): Promise<void> {
  const breaking = await acquire(`${path}.break`, seams, depth - 1);
  try {
    const now = await readHolder(path, seams.fileSystem);
    if (tokenOf(now) !== stale.token) throw lockedError(path, now);
    await checkedCall('rename', temporary, () => seams.fileSystem.rename(temporary, path));
  } finally {
    await breaking.release();
  }
}

async function release(path: string, mine: Holder, fileSystem: FileSystem): Promise<void> {
  const holder = await readHolder(path, fileSystem);
  if (tokenOf(holder) === mine.token) await unlinkIfThere(fileSystem, path);
}

/** Whether the link was made; false if the name is taken. */
async function tryLink(temporary: string, path: string, fileSystem: FileSystem): Promise<boolean> {
  try {
    await checkedCall('link', path, () => fileSystem.link(temporary, path));
    return true;
  } catch (error) {
    if (error instanceof StorageIoError && error.errno === 'EEXIST') return false;
    // Whoever took the lock meanwhile has cleared the directory of unfinished files.
    if (error instanceof StorageIoError && error.errno === 'ENOENT') return false;
    throw error;
  }
}

/** Who the lock names. */
async function readHolder(path: string, fileSystem: FileSystem): Promise<Holder | 'none' | 'unreadable'> {
  try {
    const text = new TextDecoder().decode(await readFile(fileSystem, path, LOCK_BYTES_MAX));
    return holderSchema.safeParse(JSON.parse(text)).data ?? 'unreadable';
  } catch (error) {
    if (error instanceof SyntaxError) return 'unreadable';
    if (error instanceof StorageIoError && error.errno === 'ENOENT') return 'none';
    throw error;
  }
}

function tokenOf(holder: Holder | 'none' | 'unreadable'): string | undefined {
  return typeof holder === 'string' ? undefined : holder.token;
}

function lockedError(path: string, holder: Holder | 'none' | 'unreadable'): StorageError {
  return new StorageError('storage_locked', `${path}: ${whoHolds(holder)}`);
}

function whoHolds(holder: Holder | 'none' | 'unreadable'): string {
  if (holder === 'none') return 'held by a process that has given it up by now. Try again';
  if (holder === 'unreadable') {
    return 'held by a process that the lock does not name. If you know that no process uses the directory, remove this file';
  }
  return `held by process ${holder.pid}, which runs. Stop that process first`;
}
