import { join } from 'node:path';

/** The names in a data directory. Everything else in it is a leftover, or not ours. */
export const IDENTITY_NAME = 'identity';
const LOCK_NAME = 'lock';
/** What a file is called until it is complete and durable. */
export const UNFINISHED_SUFFIX = '.new';

/** What a file system puts into the root of a volume by itself. */
const VOLUME_NAMES: ReadonlySet<string> = new Set(['lost+found']);

export function identityPath(dataDir: string): string {
  return join(dataDir, IDENTITY_NAME);
}

export function lockPath(dataDir: string): string {
  return join(dataDir, LOCK_NAME);
}

/** The segment of this generation: `journal-<n>`. */
export function segmentPath(dataDir: string, generation: number): string {
  return join(dataDir, `journal-${generation}`);
}

/** The generation of the segment of this name; undefined if it is the name of something else. */
export function segmentGeneration(name: string): number | undefined {
  const digits = /^journal-([1-9][0-9]{0,15})$/.exec(name)?.[1];
  const generation = digits === undefined ? undefined : Number(digits);
  return Number.isSafeInteger(generation) ? generation : undefined;
}

/** A file that was being made when its maker crashed: nothing ever counted on it. */
export function isUnfinished(name: string): boolean {
  return /^(identity|journal-[0-9]+|lock\..*)\.new$/.test(name);
}

/** What belongs to the lock, whoever holds it. */
export function isLockName(name: string): boolean {
  return name === LOCK_NAME || name.startsWith(`${LOCK_NAME}.`);
}

/** What an unfinished `init` can have left: the first segment at most, and no identity. */
export function isLeftByInit(name: string): boolean {
  return isUnfinished(name) || isLockName(name) || segmentGeneration(name) === 1;
}

/** The names that say something about a data directory. */
export function ownNames(names: readonly string[]): string[] {
  return names.filter((name) => !VOLUME_NAMES.has(name));
}
