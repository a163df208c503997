export type { CrashOptions, MemoryDiskOptions } from './memory-disk.js';
export { MemoryDisk, openMemoryStorage } from './memory-disk.js';
export type { InjectedFailure, MemoryCall, MemoryStorageOptions } from './memory-storage.js';
export type { DirectoryId, PeerIdentity, Storage, StorageIdentity } from './storage.js';
export type { StorageErrorCode } from './storage-error.js';
export { STORAGE_ERROR_CODES, StorageCorruptError, StorageError, StorageIoError } from './storage-error.js';
