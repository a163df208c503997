import { FileDriver } from '../../driver/index.js';
import { Oracle } from '../../oracle/index.js';
import { TsoServer } from '../../service/index.js';
import type { ServeFileOptions } from '../commands/serve-file.js';
import { createLogger } from '../logging.js';
import { listenForStop } from '../stop-request.js';
import { untilAborted } from '../until-aborted.js';
import { untilOracleFails } from './until-oracle-fails.js';

/**
 * `tsoracle serve file`: serves until it is asked to stop, then closes everything in the reverse order. Rejects if it cannot start, or its
 * disk fails.
 */
export async function serveFile({ dataDir, listen, logLevel }: ServeFileOptions): Promise<number> {
  const logger = createLogger(logLevel, { name: 'tsoracle' });
  using stopRequest = listenForStop();
  await using driver = await FileDriver.open({ dataDir, logger });
  await using oracle = Oracle.start({ driver, logger });
  await using _server = await TsoServer.start({ oracle, listen, logger });
  logger.info({ dataDir, listen }, 'the oracle is ready');
  const failure = await Promise.race([
    untilAborted(stopRequest.signal).then(() => undefined),
    untilOracleFails(oracle),
  ]);
  if (failure !== undefined) throw failure;
  logger.info({ reason: stopRequest.signal.reason }, 'the oracle is stopping');
  return 0;
}
