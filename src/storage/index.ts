export type { DirectoryId, PeerIdentity, Storage, StorageIdentity } from './storage.js';
