import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, MalformedError } from '../codec/index.js';
import { parseInput } from '../errors/index.js';
import { checkedCall, readFile, unlinkIfThere, writeNewFile } from './checked-file.js';
import { isLockName, isUnfinished, lockPath, ownNames, UNFINISHED_SUFFIX } from './directory-layout.js';
import type { FileSystem } from './file-system.js';
import { checkFormatVersion, FORMAT_VERSION } from './format-version.js';
import { type DirectorySeams, dataDirSchema, directorySeams } from './journal-options.js';
import { acquireLock, type HeldLock, type LockStatus, lockStatus } from './lock-file.js';
import { makeDirectories } from './make-directories.js';
import { StorageCorruptError, StorageError, StorageIoError } from './storage-error.js';

/** What a directory's one record is, and what its owner's users are told to do. */
export interface RecordKind {
  /** The file's name in the directory. */
  readonly name: string;
  /** What the file begins with: 8 ASCII characters. */
  readonly magic: string;
  /** What to do where there is no such directory. */
  readonly ifMissing: string;
  /** What to do if the file is damaged. */
  readonly ifDamaged: string;
}

/** How to make or open a directory of one record. */
export interface RecordDirectoryOptions extends DirectorySeams {
  readonly dataDir: string;
  readonly kind: RecordKind;
}

/** The largest record, in bytes, with all that is around it. */
const RECORD_BYTES_MAX = 64 * 1024;
const CRC_AT = 8;
const BODY_AT = CRC_AT + 4;
const FORMAT_BYTES = 2;

/**
 * Makes a directory with one record. The record's file comes last: as long as it is not there nothing has
 * been made, and this may be done again over what a crash has left.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} `storage_already_initialized` if the directory holds anything else; `storage_locked`; `storage_io`.
 */
export async function initRecordDirectory(options: RecordDirectoryOptions, body: Uint8Array): Promise<void> {
  const { dataDir, fileSystem, kind, seams } = checked(options);
  await makeDirectories(resolve(dataDir), fileSystem);
  await refuseUnlessEmpty(dataDir, kind, fileSystem);
  const lock = await acquireLock(lockPath(dataDir), seams);
  try {
    await refuseUnlessEmpty(dataDir, kind, fileSystem);
    await removeUnfinished(dataDir, kind, fileSystem);
    await putInPlace(dataDir, kind, fileSystem, body);
  } finally {
    await lock.release();
  }
}

/**
 * Opens a directory that {@link initRecordDirectory} has made, and takes its lock.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} `storage_not_initialized`, `storage_locked`, `storage_corrupt`, `storage_format`,
 * `storage_io`; the lock is free then.
 */
export async function openRecordDirectory(options: RecordDirectoryOptions): Promise<RecordDirectory> {
  const { dataDir, fileSystem, kind, seams } = checked(options);
  // Before the lock, so that no lock file is left in what is no such directory.
  await readRecord(dataDir, kind, fileSystem);
  const lock = await acquireLock(lockPath(dataDir), seams);
  try {
    const body = await readRecord(dataDir, kind, fileSystem);
    await removeUnfinished(dataDir, kind, fileSystem);
    return new RecordDirectory({ dataDir, kind, fileSystem }, lock, body);
  } catch (error) {
    await lock.release().catch(() => {});
    throw error;
  }
}

/** What a directory of one record holds, for people. */
export interface RecordDirectoryReport {
  readonly body: Uint8Array;
  /** The size of the file. */
  readonly bytes: number;
  /** Who has it open. */
  readonly lock: LockStatus;
}

/**
 * Reads a directory that {@link initRecordDirectory} has made, and changes nothing in it; a process may have it open.
 *
 * @throws {InvalidInputError} naming the option.
 * @throws {StorageError} as {@link openRecordDirectory}, except `storage_locked`.
 */
export async function inspectRecordDirectory(
  options: RecordDirectoryOptions,
): Promise<RecordDirectoryReport> {
  const { dataDir, fileSystem, kind, seams } = checked(options);
  const body = await readRecord(dataDir, kind, fileSystem);
  const lock = await lockStatus(lockPath(dataDir), fileSystem, seams.processInfo);
  return { body, bytes: BODY_AT + FORMAT_BYTES + body.length, lock };
}

/** A directory with one small record, which is replaced whole; locked until it is closed. */
export class RecordDirectory {
  /** The record as it was found. */
  readonly found: Uint8Array;
  readonly #place: Place;
  readonly #lock: HeldLock;

  constructor(place: Place, lock: HeldLock, found: Uint8Array) {
    this.#place = place;
    this.#lock = lock;
    this.found = found;
  }

  /**
   * Replaces the record, durably when it resolves. A crash meanwhile leaves the old one or the new one. One
   * call at a time; after a rejection it is not known which of them is there, nor which one a crash would
   * leave: it must not be called again.
   */
  replace(body: Uint8Array): Promise<void> {
    const { dataDir, fileSystem, kind } = this.#place;
    return putInPlace(dataDir, kind, fileSystem, body);
  }

  /** Gives the lock up. To be called once, and not while {@link replace} is under way. */
  close(): Promise<void> {
    return this.#lock.release();
  }
}

interface Place {
  readonly dataDir: string;
  readonly kind: RecordKind;
  readonly fileSystem: FileSystem;
}

function checked(options: RecordDirectoryOptions): Place & { readonly seams: Required<DirectorySeams> } {
  const dataDir = parseInput(dataDirSchema, options.dataDir, 'dataDir');
  const seams = directorySeams(options);
  return { dataDir, kind: options.kind, fileSystem: seams.fileSystem, seams };
}

/** A whole new file under another name, made durable, takes the name in one step; then the name is made durable. */
async function putInPlace(
  dataDir: string,
  kind: RecordKind,
  fileSystem: FileSystem,
  body: Uint8Array,
): Promise<void> {
  const path = join(dataDir, kind.name);
  const unfinished = `${path}${UNFINISHED_SUFFIX}`;
  await writeNewFile(fileSystem, unfinished, encode(kind, body));
  await checkedCall('rename', unfinished, () => fileSystem.rename(unfinished, path));
  await checkedCall('fsync', dataDir, () => fileSystem.syncDirectory(dataDir));
}

/** magic, CRC-32 of what follows, format version, body. */
function encode(kind: RecordKind, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(new TextEncoder().encode(kind.magic));
  writer.u32(0);
  writer.u16(FORMAT_VERSION);
  writer.raw(body);
  writer.patchU32(CRC_AT, crc32(writer.written(BODY_AT)));
  return writer.finish();
}

async function readRecord(dataDir: string, kind: RecordKind, fileSystem: FileSystem): Promise<Uint8Array> {
  const path = join(dataDir, kind.name);
  const bytes = await readIfThere(path, kind, fileSystem);
  if (bytes === undefined) {
    throw new StorageError('storage_not_initialized', `${path}: there is none. ${kind.ifMissing}`);
  }
  try {
    const reader = new ByteReader(bytes);
    if (new TextDecoder().decode(reader.raw(CRC_AT)) !== kind.magic) {
      throw new MalformedError('it is no file of this kind');
    }
    if (reader.u32() !== crc32(bytes.subarray(BODY_AT))) throw new MalformedError('its checksum is wrong');
    checkFormatVersion(path, reader.u16());
    return bytes.subarray(BODY_AT + FORMAT_BYTES);
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    throw new StorageCorruptError(path, cause.message, { cause, nextStep: kind.ifDamaged });
  }
}

async function readIfThere(
  path: string,
  kind: RecordKind,
  fileSystem: FileSystem,
): Promise<Uint8Array | undefined> {
  try {
    const { size } = await checkedCall('stat', path, () => fileSystem.stat(path));
    if (size > RECORD_BYTES_MAX) {
      throw new StorageCorruptError(path, `it has ${size} bytes`, { nextStep: kind.ifDamaged });
    }
    return await readFile(fileSystem, path, RECORD_BYTES_MAX);
  } catch (error) {
    if (error instanceof StorageIoError && (error.errno === 'ENOENT' || error.errno === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

async function refuseUnlessEmpty(dataDir: string, kind: RecordKind, fileSystem: FileSystem): Promise<void> {
  const names = ownNames(await checkedCall('readdir', dataDir, () => fileSystem.readdir(dataDir)));
  const foreign = names.find((name) => !isLockName(name) && !isUnfinishedRecord(name, kind));
  if (foreign === undefined) return;
  throw new StorageError(
    'storage_already_initialized',
    foreign === kind.name
      ? `${join(dataDir, foreign)}: it is there already. Open it, or choose another path`
      : `${dataDir}: it holds ${foreign}, which is not of an unfinished init. Choose an empty directory`,
  );
}

/** What was being made when its maker crashed: nothing ever counted on it. */
async function removeUnfinished(dataDir: string, kind: RecordKind, fileSystem: FileSystem): Promise<void> {
  for (const name of await checkedCall('readdir', dataDir, () => fileSystem.readdir(dataDir))) {
    if (!isUnfinishedRecord(name, kind) && !isUnfinished(name)) continue;
    // Another process that tries to take the lock removes its own file by itself.
    await unlinkIfThere(fileSystem, join(dataDir, name));
  }
}

function isUnfinishedRecord(name: string, kind: RecordKind): boolean {
  return name === `${kind.name}${UNFINISHED_SUFFIX}`;
}
