import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/storage/node-file-system.js';

// Memory that is never touched takes none. A segment is read with one such call: it may have up to 4 GiB.
test.each([2 ** 31, 2 ** 32 - 1])(
  'file system of Node: a read of %i bytes, gives what is there',
  async (bytes) => {
    const directory = await mkdtemp(join(tmpdir(), 'file-system-'));
    try {
      await writeFile(join(directory, 'file'), 'hello');
      const file = await nodeFileSystem.open(join(directory, 'file'), 'read');
      expect(await file.read(new Uint8Array(bytes), 0)).toBe(5);
      await file.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);
