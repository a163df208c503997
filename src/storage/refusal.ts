import { StorageError } from './storage-error.js';

/** What the opening of a refused storage fails with. */
export function refusedError(reason: string): StorageError {
  return new StorageError(
    'storage_refused',
    `this storage must never take part again: ${reason}. Replace the node by a new one, under a new number, in a new configuration`,
  );
}
