import type { StandaloneHost } from '../../host/index.js';
import type { Oracle } from '../../oracle/index.js';
import type { Clock, Timer } from '../../runtime/index.js';
import { repeat } from '../repeat.js';
import type { StatusLine } from './status-line.js';

/** How long the status may stay untold, in ms. */
const STATUS_PERIOD_MS = 1_000;

export interface StatusReporterOptions {
  readonly host: Pick<StandaloneHost, 'status'>;
  readonly oracle: Pick<Oracle, 'state' | 'events'>;
  readonly clientEndpoint: string;
  readonly clock: Clock;
  /** Takes one line, without its end. */
  readonly write: (line: string) => void;
}

/** Writes a node's status as lines of JSON: at once, at each change of the leadership, and each second. */
export class StatusReporter implements Disposable {
  readonly #options: StatusReporterOptions;
  readonly #timer: Timer;
  #toldLeadership = '';

  constructor(options: StatusReporterOptions) {
    this.#options = options;
    this.#tell();
    options.oracle.events.on('state', this.#onState);
    this.#timer = repeat(options.clock, STATUS_PERIOD_MS, () => this.#tell());
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#options.oracle.events.off('state', this.#onState);
  }

  /** The oracle also tells each new window, which is no news here. */
  readonly #onState = (): void => {
    if (leadershipKey(this.#leadership()) !== this.#toldLeadership) this.#tell();
  };

  #tell(): void {
    const { host, clientEndpoint, write } = this.#options;
    const { highWater, node } = host.status();
    const leadership = this.#leadership();
    this.#toldLeadership = leadershipKey(leadership);
    const line: StatusLine = {
      nodeId: node.nodeId,
      pid: process.pid,
      incarnation: node.incarnation,
      clientEndpoint,
      ...leadership,
      highWater,
      decidedIdx: node.core.decidedIdx,
    };
    write(JSON.stringify(line));
  }

  /** A leader whose first window is not durable yet serves nobody: it is told as unknown. */
  #leadership(): Pick<StatusLine, 'role' | 'epoch'> {
    const state = this.#options.oracle.state();
    switch (state.role) {
      case 'serving':
        return { role: 'leader', epoch: String(state.epoch) };
      case 'fencing':
        return { role: 'unknown', epoch: String(state.epoch) };
      case 'follower':
        return { role: 'follower', epoch: String(state.leader.epoch) };
      case 'unknown':
      case 'failed':
      case 'closed':
        return { role: 'unknown', epoch: null };
    }
  }
}

function leadershipKey({ role, epoch }: Pick<StatusLine, 'role' | 'epoch'>): string {
  return `${role} ${epoch}`;
}
