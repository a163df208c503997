import { describe, expect, test } from 'vitest';
import type { Logger } from '../../src/runtime/index.js';
import { SeededRandom } from '../../src/runtime/index.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { type LinkConnection, PeerLink } from '../../src/transport/peer-link.js';
import { type LogLine, recordingLogger } from '../driver/recording-logger.js';
import { testHello } from './test-hello.js';

class FakeConnection implements LinkConnection {
  readonly order: number;
  readonly name: string;
  readonly #link: () => PeerLink<FakeConnection>;
  ended: string | undefined;

  constructor(order: number, name: string, link: () => PeerLink<FakeConnection>) {
    this.order = order;
    this.name = name;
    this.#link = link;
  }

  send(): boolean {
    return this.ended === undefined;
  }

  close(cause: Parameters<LinkConnection['close']>[0], reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = cause;
    this.#link().closed(this, cause, reason);
  }
}

/** One node's link to a peer, with fake connections. */
class Bench {
  readonly clock = new VirtualClock();
  readonly lines: LogLine[] = [];
  readonly events: string[] = [];
  readonly dialled: FakeConnection[] = [];
  readonly link: PeerLink<FakeConnection>;
  #begun = 0;

  constructor(logger: Logger = recordingLogger(this.lines), seed = 1) {
    this.link = new PeerLink<FakeConnection>({
      limits: { reconnectMinMs: 20, reconnectMaxMs: 1_000 },
      clock: this.clock,
      random: new SeededRandom(seed),
      logger,
      connect: () => {
        const connection = this.caller();
        this.dialled.push(connection);
        return connection;
      },
      nextOrder: () => this.#begun,
      onConnected: (peer) => this.events.push(`connected ${peer.incarnation}`),
      onDisconnected: () => this.events.push('disconnected'),
    });
  }

  caller(): FakeConnection {
    const order = this.#begun++;
    return new FakeConnection(order, `#${order}`, () => this.link);
  }

  /** Dials, and the dialled connection is established. */
  connect(generation = 1): FakeConnection {
    this.link.dial();
    const connection = this.lastDialled();
    this.link.established(connection, testHello(2), generation);
    return connection;
  }

  lastDialled(): FakeConnection {
    const connection = this.dialled.at(-1);
    if (connection === undefined) throw new Error('nothing was dialled');
    return connection;
  }
}

describe('peer link', () => {
  test('a newer connection, takes the place of the older one, which is closed without a word to the node', () => {
    const bench = new Bench();
    const first = bench.connect(1);
    const second = bench.caller();
    bench.link.established(second, testHello(2), 2);
    expect(first.ended).toBe('replaced');
    expect(bench.link.current).toBe(second);
    expect(bench.events).toEqual(['connected 1', 'connected 1']);
    second.close('socket', 'reset');
    expect(bench.events).toEqual(['connected 1', 'connected 1', 'disconnected']);
  });

  // T03
  test('an older generation told late, is closed and changes nothing', () => {
    const bench = new Bench();
    const second = bench.connect(2);
    const first = bench.caller();
    bench.link.established(first, testHello(2), 1);
    expect(first.ended).toBe('replaced');
    expect(bench.link.current).toBe(second);
    expect(bench.events).toEqual(['connected 1']);
  });

  test('a later life of the peer, takes over although its generations begin anew; an earlier one does not', () => {
    const bench = new Bench();
    bench.connect(9);
    const later = bench.caller();
    bench.link.established(later, testHello(2, { incarnation: 2 }), 1);
    expect(bench.link.current).toBe(later);
    const earlier = bench.caller();
    bench.link.established(earlier, testHello(2), 10);
    expect(bench.link.current).toBe(later);
    expect(earlier.ended).toBe('replaced');
  });

  test('both have dialled at the same time, the second connection is not established', () => {
    const bench = new Bench();
    bench.link.dial();
    const caller = bench.caller();
    const generation = bench.link.establish(bench.lastDialled(), testHello(2));
    bench.link.established(bench.lastDialled(), testHello(2), generation ?? 0);
    expect(bench.link.establish(caller, testHello(2))).toBeUndefined();
    expect(bench.link.establish(caller, testHello(2, { incarnation: 2 }))).toBeDefined();
  });

  test('the peer calls again, since it has lost what this node takes for alive, it is established', () => {
    const bench = new Bench();
    bench.connect(1);
    expect(bench.link.establish(bench.caller(), testHello(2))).toBeDefined();
    expect(bench.link.establish(bench.caller(), testHello(2, { incarnation: 0 }))).toBeUndefined();
  });

  test('generations, rise with each connection', () => {
    const bench = new Bench();
    const given = [1, 2, 3].map(() => bench.link.establish(bench.caller(), testHello(2)) ?? 0);
    expect(given).toEqual([1, 2, 3]);
  });

  test('a loss, is followed by a dial within the shortest pause', () => {
    const bench = new Bench();
    const connection = bench.connect();
    bench.clock.advance(60_000);
    connection.close('socket', 'reset');
    expect(bench.dialled).toHaveLength(1);
    bench.clock.advance(20);
    expect(bench.dialled).toHaveLength(2);
  });

  test('a peer that could not be reached for long, then was well for long, is dialled at once when it is lost', () => {
    const bench = new Bench();
    bench.link.dial();
    for (let i = 0; i < 20; i++) {
      bench.lastDialled().close('socket', 'connect ECONNREFUSED');
      bench.clock.advance(1_000);
    }
    const connection = bench.connect();
    bench.clock.advance(1_000);
    const before = bench.dialled.length;
    connection.close('socket', 'reset');
    bench.clock.advance(20);
    expect(bench.dialled).toHaveLength(before + 1);
  });

  test('the peer comes back by itself while a dial waits, the dial is not needed', () => {
    const bench = new Bench();
    bench.connect().close('socket', 'reset');
    bench.link.established(bench.caller(), testHello(2), 2);
    bench.clock.advance(10_000);
    expect(bench.dialled).toHaveLength(1);
    expect(bench.clock.armedTimers).toBe(0);
  });

  test('the peer is calling while a dial falls due, nothing is dialled; if its call comes to nothing, it is', () => {
    const bench = new Bench();
    bench.connect().close('socket', 'reset');
    const caller = bench.caller();
    bench.link.called(caller);
    bench.clock.advance(3_000);
    expect(bench.dialled).toHaveLength(1);
    caller.close('timeout', 'there was no handshake');
    bench.clock.advance(40);
    expect(bench.dialled).toHaveLength(2);
  });

  // T07
  test('a peer that cannot be reached for a minute, is dialled at most about once a second', () => {
    const bench = new Bench();
    bench.link.dial();
    for (let ms = 0; ms < 60_000; ms++) {
      bench.clock.advance(1);
      const connection = bench.lastDialled();
      if (connection.ended === undefined) connection.close('socket', 'connect ECONNREFUSED');
    }
    expect(bench.dialled.length).toBeGreaterThan(60);
    expect(bench.dialled.length).toBeLessThan(130);
  });

  // T07
  test('a peer that is lost at the moment it is connected, is not connected in a storm', () => {
    const bench = new Bench();
    let generation = 0;
    bench.link.dial();
    for (let ms = 0; ms < 10_000; ms++) {
      bench.clock.advance(1);
      const connection = bench.lastDialled();
      if (connection.ended !== undefined) continue;
      bench.link.established(connection, testHello(2), ++generation);
      connection.close('malformed', 'noise');
    }
    expect(bench.dialled.length).toBeLessThan(40);
    expect(bench.events.filter((event) => event === 'disconnected')).toHaveLength(generation);
    expect(bench.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  // T06
  test('the same refusal again and again, is logged once; another one again; and anew after things went well', () => {
    const bench = new Bench();
    const warnings = (): unknown[] =>
      bench.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['reason']);
    for (let i = 0; i < 50; i++) bench.link.closed(bench.caller(), 'refused', 'wrong cluster');
    expect(warnings()).toEqual(['wrong cluster']);
    for (let i = 0; i < 50; i++)
      bench.link.closed(bench.caller(), 'refused', i % 2 === 0 ? 'wrong cluster' : 'version');
    expect(warnings()).toEqual(['wrong cluster', 'version']);
    bench.connect();
    bench.clock.advance(5_000);
    bench.lastDialled().close('timeout', 'silence');
    bench.link.closed(bench.caller(), 'refused', 'wrong cluster');
    expect(warnings()).toEqual(['wrong cluster', 'version', 'silence', 'wrong cluster']);
  });

  test('ever different troubles, are logged up to a bound', () => {
    const bench = new Bench();
    for (let i = 0; i < 1_000; i++) bench.link.closed(bench.caller(), 'refused', `node ${i}`);
    expect(bench.lines).toHaveLength(16);
    bench.clock.advance(60_000);
    bench.link.closed(bench.caller(), 'refused', 'node 0');
    expect(bench.lines).toHaveLength(17);
  });

  test('stopped, tells and dials nothing any more', () => {
    const bench = new Bench();
    const connection = bench.connect();
    const dialling = bench.caller();
    bench.link.stop();
    connection.close('stopped', 'stop');
    dialling.close('stopped', 'stop');
    bench.link.dial();
    bench.clock.advance(10_000);
    expect(bench.events).toEqual(['connected 1']);
    expect(bench.dialled).toHaveLength(1);
    expect(bench.clock.armedTimers).toBe(0);
  });
});
