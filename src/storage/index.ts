export type { FileStatus, FileSystem, OpenFile, OpenMode } from './file-system.js';
export { initDataDirectory } from './init-data-directory.js';
export {
  type DataDirectoryReport,
  inspectDataDirectory,
  readDataDirectory,
} from './inspect-data-directory.js';
export { Journal } from './journal.js';
export type { DirectorySeams, InitDataDirectoryOptions, OpenJournalOptions } from './journal-options.js';
export type { LockStatus } from './lock-file.js';
export type { CrashOptions, MemoryDiskOptions } from './memory-disk.js';
export { MemoryDisk, openMemoryStorage } from './memory-disk.js';
export type { InjectedFailure, MemoryCall, MemoryStorageOptions } from './memory-storage.js';
export { nodeFileSystem } from './node-file-system.js';
export { openJournal } from './open-journal.js';
export type { ProcessIdentity, ProcessInfo } from './process-info.js';
export type {
  RecordDirectory,
  RecordDirectoryOptions,
  RecordDirectoryReport,
  RecordKind,
} from './record-directory.js';
export { initRecordDirectory, inspectRecordDirectory, openRecordDirectory } from './record-directory.js';
export type { DirectoryId, PeerIdentity, Storage, StorageIdentity } from './storage.js';
export type { StorageErrorCode } from './storage-error.js';
export { STORAGE_ERROR_CODES, StorageCorruptError, StorageError, StorageIoError } from './storage-error.js';
