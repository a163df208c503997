import { crc32 } from 'node:zlib';

const RECENT_PER_NODE = 12;

/** What happens in a world, in order: the latest events of each node, and a hash over all. */
export class EventTrail {
  readonly #recent = new Map<number, string[]>();
  readonly #tell: ((line: string) => void) | undefined;
  #hash = 0;

  /** @param tell is told of every event, a line at a time. */
  constructor(tell?: (line: string) => void) {
    this.#tell = tell;
  }

  /** The same for every run of the same world, and most likely for no other: 8 hexadecimal digits. */
  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  add(nowMs: number, nodeId: number, event: string): void {
    const line = `${nowMs.toFixed(3).padStart(12)} ms  node ${nodeId}  ${event}`;
    this.#hash = crc32(line, this.#hash);
    const recent = this.#recent.get(nodeId) ?? [];
    if (recent.push(line) > RECENT_PER_NODE) recent.shift();
    this.#recent.set(nodeId, recent);
    this.#tell?.(line);
  }

  /** A cheap event that counts for the hash alone. */
  note(nowMs: number, ...facts: readonly (number | string)[]): void {
    this.#hash = crc32(`${nowMs} ${facts.join(' ')}`, this.#hash);
  }

  /** The latest events of each node; of node 0, what happened to the world. */
  recent(): string {
    return [...this.#recent.keys()]
      .sort((a, b) => a - b)
      .map((nodeId) => `  ${this.#recent.get(nodeId)?.join('\n  ')}`)
      .join('\n');
  }
}
