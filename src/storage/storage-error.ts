import { TsoracleError } from '../errors/index.js';

/**
 * Why a storage does not open, or no longer works.
 *
 * | code | meaning | what to do |
 * | --- | --- | --- |
 * | `storage_not_initialized` | there is no data directory at this path | create it with `tsoracle init` |
 * | `storage_already_initialized` | `init` was asked for a directory that is one already, or holds other files | choose another path |
 * | `storage_incomplete` | an `init` did not come to its end | run `tsoracle init` again |
 * | `storage_format` | written by another release, in a format that this one does not read | use that release |
 * | `storage_locked` | another process (or this one) has it open | stop that one first |
 * | `storage_refused` | its peers have refused it: it was wiped, rolled back or cloned | replace the node by a new one |
 * | `storage_corrupt` | acknowledged data is damaged or missing | restore nothing: replace the node by a new one |
 * | `storage_io` | a call to the file system failed; this storage has stopped | see `call`, `path` and the cause; restart |
 * | `storage_overloaded` | more writes were waiting than `maxPendingBytes`; this storage has stopped | restart |
 * | `storage_closed` | it has been closed | open it again |
 */
export type StorageErrorCode =
  | 'storage_not_initialized'
  | 'storage_already_initialized'
  | 'storage_incomplete'
  | 'storage_format'
  | 'storage_locked'
  | 'storage_refused'
  | 'storage_corrupt'
  | 'storage_io'
  | 'storage_overloaded'
  | 'storage_closed';

/** All codes, for tables and tests. */
export const STORAGE_ERROR_CODES: readonly StorageErrorCode[] = [
  'storage_not_initialized',
  'storage_already_initialized',
  'storage_incomplete',
  'storage_format',
  'storage_locked',
  'storage_refused',
  'storage_corrupt',
  'storage_io',
  'storage_overloaded',
  'storage_closed',
];

/** What a storage throws or rejects with; see {@link StorageErrorCode}. */
export class StorageError extends TsoracleError {
  override readonly name: string = 'StorageError';
  declare readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
  }
}

const NODE_NEXT_STEP =
  'This node must not start from damaged storage: keep the directory for inspection, and replace the node by a new one in a new configuration';

/** Acknowledged data is damaged or missing. The node must not start from it. */
export class StorageCorruptError extends StorageError {
  override readonly name = 'StorageCorruptError';
  /** The damaged or missing file. */
  readonly file: string;
  /** The number of the first record that cannot be trusted, if the damage is in a record. */
  readonly record: number | undefined;
  /** The byte in `file` where that record, or the damaged part, begins. */
  readonly position: number | undefined;

  constructor(
    file: string,
    detail: string,
    place: {
      readonly record?: number;
      readonly position?: number;
      readonly cause?: unknown;
      /** What to do. Default: what holds for a node of a cluster. */
      readonly nextStep?: string;
    } = {},
  ) {
    const where = place.record === undefined ? '' : `, record ${place.record}`;
    const at = place.position === undefined ? '' : `, byte ${place.position}`;
    const { nextStep = NODE_NEXT_STEP } = place;
    super(
      'storage_corrupt',
      `${file}${where}${at}: ${detail}. ${nextStep}`,
      'cause' in place ? { cause: place.cause } : undefined,
    );
    this.file = file;
    this.record = place.record;
    this.position = place.position;
  }
}

/** What to do about the system's error codes that people meet. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left. Make room, then start again',
  EDQUOT: 'the quota is used up. Make room, then start again',
  EROFS: 'the file system is read-only. Mount it so that it can be written to, then start again',
  EACCES: 'this user may not do that. Give it the right to read and write there, then start again',
  EPERM: 'this user may not do that. Give it the right to read and write there, then start again',
  EMFILE: 'too many files are open. Raise the limit, then start again',
  ENOTDIR: 'a part of this path is no directory. Choose another path',
  EIO: 'the disk has failed. Look into the logs of the system; start again only if the disk can be trusted',
};

/** A call to the file system failed, or did less than it was asked for. Never retried: the storage has stopped. */
export class StorageIoError extends StorageError {
  override readonly name = 'StorageIoError';
  /** The call, e.g. `write` or `fdatasync`. */
  readonly call: string;
  /** The file or directory that it was made on. */
  readonly path: string;
  /** The system's error code, e.g. `ENOSPC`, if it gave one. */
  readonly errno: string | undefined;

  constructor(call: string, path: string, cause: unknown, detail?: string) {
    const errno = systemErrorCode(cause);
    const nextStep = errno === undefined ? undefined : NEXT_STEPS[errno];
    const why = detail ?? errno ?? 'failed';
    super('storage_io', `${call} ${path}: ${why}${nextStep === undefined ? '' : `: ${nextStep}`}`, { cause });
    this.call = call;
    this.path = path;
    this.errno = errno;
  }
}

/** The `code` of an error of Node's own, e.g. `ENOENT`; undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
