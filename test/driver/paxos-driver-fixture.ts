import { PaxosDriver, type PaxosDriverOptions } from '../../src/driver/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { type LogLine, recordingLogger } from './recording-logger.js';
import { ScriptedHost } from './scripted-host.js';

export interface Fixture {
  readonly host: ScriptedHost;
  readonly clock: VirtualClock;
  readonly driver: PaxosDriver;
  readonly lines: LogLine[];
}

/** A driver over a scripted host that leads at epoch 1. */
export function setUp(options: Partial<PaxosDriverOptions> & { readonly host?: ScriptedHost } = {}): Fixture {
  const host = options.host ?? new ScriptedHost();
  if (host.leadership().role === 'unknown') host.lead(1n);
  const clock = new VirtualClock();
  const logger = recordingLogger();
  const driver = new PaxosDriver({ clock, logger, ...options, host });
  return { host, clock, driver, lines: logger.lines };
}
