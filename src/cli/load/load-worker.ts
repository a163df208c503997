import { TsoClient } from '../../client/index.js';
import { systemClock, systemRandom } from '../../runtime/index.js';
import { createLogger } from '../logging.js';
import { repeat } from '../repeat.js';
import { Load } from './load.js';
import { type LoadOrder, type LoadReport, loadOrderSchema } from './load-messages.js';
import { isOrderViolation, nameOfError } from './name-of-error.js';

/**
 * The process of the clients: forked by the supervisor of a local cluster, which tells it over IPC what to do
 * and is told what the clients have seen. It ends when it is told to, when its parent has gone, and at once
 * by SIGTERM.
 */

/** Often enough that what the supervisor tells each second is fresh. */
const REPORT_PERIOD_MS = 250;

const logger = createLogger('warn', { name: 'tsoracle-load' });
let stopLoad: (() => Promise<void>) | undefined;
let load: Load | undefined;

const onParentGone = (): void => process.exit(1);
process.on('disconnect', onParentGone);
process.on('message', (message) => void obey(loadOrderSchema.parse(message)).catch(breakDown));
// The parent may have gone before this line ran.
if (process.connected !== true) process.exit(1);

async function obey(order: LoadOrder): Promise<void> {
  switch (order.kind) {
    case 'start':
      startLoad(order.endpoints, order.clients);
      return;
    case 'leaderKilled':
      load?.leaderKilled();
      return;
    case 'stop':
      await stopLoad?.();
      process.off('disconnect', onParentGone);
      process.disconnect();
      return;
  }
}

function startLoad(endpoints: readonly string[], clientCount: number): void {
  const running = new Load({
    // Each client has connections of its own and finds the leader by itself, as clients in processes of their
    // own would.
    clients: Array.from({ length: clientCount }, () => new TsoClient({ endpoints: [...endpoints] })),
    nameOfError,
    isViolation: isOrderViolation,
    clock: systemClock,
    random: systemRandom,
    logger,
    onFailover: () => void report({ kind: 'running', totals: running.totals() }),
  });
  running.ended.catch(breakDown);
  const reports = repeat(
    systemClock,
    REPORT_PERIOD_MS,
    () => void report({ kind: 'running', totals: running.totals() }),
  );
  load = running;
  stopLoad = async () => {
    reports.cancel();
    await running.stop();
    await report({ kind: 'ended', totals: running.totals() });
  };
}

/** Resolves when the report has been handed to the parent, or cannot be. */
function report(message: LoadReport): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

function breakDown(error: unknown): void {
  logger.error({ err: error }, 'the load cannot go on');
  process.exit(1);
}
