import { StorageError } from './storage-error.js';

/** The version of the directory's layout and of its files' forms; described byte by byte in docs/storage-format.md. */
export const FORMAT_VERSION = 1;

/** @throws {StorageError} `storage_format` unless `version` is {@link FORMAT_VERSION}. */
export function checkFormatVersion(file: string, version: number): void {
  if (version === FORMAT_VERSION) return;
  throw new StorageError(
    'storage_format',
    `${file}: it is in format ${version}; this release reads and writes format ${FORMAT_VERSION} only. Use the release that wrote it`,
  );
}
