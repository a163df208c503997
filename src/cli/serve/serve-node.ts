import { TsoracleError } from '../../errors/index.js';
import { describeHostStop, StandaloneHost } from '../../host/index.js';
import { Oracle } from '../../oracle/index.js';
import { systemClock } from '../../runtime/index.js';
import { TsoServer } from '../../service/index.js';
import type { CommandOutput } from '../command.js';
import type { ServeOptions } from '../commands/serve.js';
import { createLogger } from '../logging.js';
import { listenForStop } from '../stop-request.js';
import { untilAborted } from '../until-aborted.js';
import { StatusReporter } from './status-reporter.js';
import { untilOracleFails } from './until-oracle-fails.js';

/**
 * `tsoracle serve paxos`: runs one node until it is asked to stop, then closes everything in the reverse
 * order. Rejects if the node cannot start, or stops by itself.
 */
export async function serveNode(options: ServeOptions, output: CommandOutput): Promise<number> {
  const { dataDir, peerListen, listen, advertise } = options;
  const logger = createLogger(options.logLevel, { name: 'tsoracle' });
  // From the first moment on, so that a signal during a long recovery is not lost.
  using stopRequest = listenForStop();
  await using host = await StandaloneHost.open({ dataDir, peerListen, clientEndpoint: advertise, logger });
  await using oracle = Oracle.start({ driver: host.driver, logger });
  await using _server = await TsoServer.start({ oracle, listen, logger });
  using _status = options.statusJson
    ? new StatusReporter({ host, oracle, clientEndpoint: advertise, clock: systemClock, write: output.out })
    : undefined;
  logger.info({ dataDir, peerListen, listen, advertise }, 'the node is ready');
  const failure = await Promise.race([
    untilAborted(stopRequest.signal).then(() => undefined),
    untilOracleFails(oracle),
    host.stopped.then((reason) => new TsoracleError('host_stopped', describeHostStop(reason))),
  ]);
  if (failure !== undefined) throw failure;
  logger.info({ reason: stopRequest.signal.reason }, 'the node is stopping');
  if (await host.handOver()) logger.info({}, 'another node has taken the leadership over');
  return 0;
}
