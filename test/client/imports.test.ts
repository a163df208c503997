import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/**
 * Everything that is loaded with a module of this package: its own files by address, packages by name. Types
 * are not loaded.
 */
function loadedWith(entry: URL, loaded = new Set<string>()): Set<string> {
  if (loaded.has(entry.href)) return loaded;
  loaded.add(entry.href);
  const source = readFileSync(entry, 'utf8');
  for (const [, head, specifier = ''] of source.matchAll(/^(?:import|export)\s([^;]*?)\sfrom\s'([^']+)'/gm)) {
    if (head?.startsWith('type ')) continue;
    if (!specifier.startsWith('.')) loaded.add(specifier);
    else loadedWith(new URL(specifier.replace(/\.js$/, '.ts'), entry), loaded);
  }
  return loaded;
}

test('client: imports, neither the server nor the gRPC library is loaded with it', () => {
  const loaded = [...loadedWith(new URL('../../src/client/index.ts', import.meta.url))];
  expect(loaded.filter((each) => each.includes('/src/service/') || each.startsWith('@grpc/'))).toEqual([]);
  // The walk has not come to nothing.
  expect(loaded.length).toBeGreaterThan(20);
  expect(loaded).toContain('node:http2');
});
