import { TsoClient } from '../client/index.js';
import type { CommandOutput } from './command.js';
import type { GetOptions } from './commands/get.js';

/**
 * `tsoracle get`: prints `count` consecutive timestamps, ascending. Rejects if no node grants them in time.
 */
export async function getTimestamps(options: GetOptions, output: CommandOutput): Promise<number> {
  const { endpoints, count, timeout } = options;
  await using client = new TsoClient({ endpoints, timeoutMs: timeout * 1000 });
  const { first, last } = await client.getTimestampRange(count);
  for (let timestamp = first; timestamp <= last; timestamp++) output.out(String(timestamp));
  return 0;
}
