import type { SeededBug } from './bug.js';

/** Faults of the transport between nodes, of who is admitted, and of the client. */
export const edgeBugs: readonly SeededBug[] = [
  {
    name: 'giant-frame-read',
    hazards: ['T05'],
    effect: 'a frame of any length is waited for',
    file: 'transport/frame-codec.ts',
    find: 'if (frameBytes > maxFrameBytes) {',
    replace: 'if (frameBytes > 2 ** 40) {',
    foundBy: { test: 'transport/frame-reader.test.ts' },
  },
  {
    name: 'other-cluster-admitted',
    hazards: ['T06'],
    effect: 'a node of another cluster is admitted',
    file: 'node/identity-gate.ts',
    find: 'if (hello.clusterId !== identity.clusterId) {',
    replace: "if (hello.clusterId === '') {",
    foundBy: { test: 'node/identity-gate.test.ts' },
  },
  {
    name: 'reconnects-without-a-pause',
    hazards: ['T07'],
    effect: 'a connection that fails is tried again at once',
    file: 'transport/peer-link.ts',
    find: 'this.#redial = this.#options.clock.setTimer(this.#backoff.nextMs(), () => {',
    replace: 'this.#redial = this.#options.clock.setTimer(0, () => {',
    foundBy: { test: 'transport/peer-link.test.ts' },
  },
  {
    name: 'silence-never-noticed',
    hazards: ['T01'],
    effect: 'a peer that takes and sends nothing stays connected',
    file: 'transport/watchdog.ts',
    find: 'else this.#options.nextTurn(() => this.#expireUnlessTouched(run));',
    replace: 'else this.#arm(1_000);',
    foundBy: { test: 'transport/watchdog.test.ts' },
  },
  {
    name: 'client-follows-an-older-hint',
    hazards: ['C02'],
    effect: 'a hint of an older leadership is followed',
    file: 'client/leader-belief.ts',
    find: 'if (this.#epoch === undefined || epoch > this.#epoch) return true;',
    replace: 'if (this.#epoch === undefined || epoch !== this.#epoch) return true;',
    foundBy: { test: 'client/range-requests.test.ts' },
  },
  {
    name: 'any-text-is-an-endpoint',
    hazards: ['C06'],
    effect: 'a hint with a scheme is followed',
    file: 'node/node-options.ts',
    find: 'const [, port] = /^(?:\\[[0-9a-fA-F:.]+\\]|[^\\s:/[\\]@]+):([0-9]{1,5})$/.exec(text) ?? [];',
    replace: 'const [, port] = /:([0-9]{1,5})$/.exec(text) ?? [];',
    foundBy: { test: 'node/events.test.ts' },
  },
];
