const RECENT_PER_NODE = 12;

/** An event as it was noted: its text is made only if somebody reads it. */
interface NotedEvent {
  readonly nowMs: number;
  readonly event: string;
  /** To whom it was sent, if the event is that of a message. */
  readonly to: number | undefined;
}

/** The latest events of one node, in a ring. */
interface RecentEvents {
  readonly events: NotedEvent[];
  /** Where the next one goes: the oldest one is there. */
  next: number;
}

const time = new Float64Array(1);
const timeBits = new Uint32Array(time.buffer);

/** What happens in a world, in order: the latest events of each node, and a hash over all. */
export class EventTrail {
  readonly #recent = new Map<number, RecentEvents>();
  readonly #tell: ((line: string) => void) | undefined;
  /** Two lanes of 32 bits. */
  #hashA = 0x9e3779b9 | 0;
  #hashB = 0x85ebca6b | 0;

  /** @param tell is told of every event but heartbeats, a line at a time. */
  constructor(tell?: (line: string) => void) {
    this.#tell = tell;
  }

  /** The same for every run of the same world, and most likely for no other: 16 hexadecimal digits. */
  get hash(): string {
    return [this.#hashA, this.#hashB].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }

  add(nowMs: number, nodeId: number, event: string): void {
    this.#keep(nowMs, nodeId, event, undefined);
  }

  /** A message leaves. */
  sends(nowMs: number, nodeId: number, kind: string, to: number): void {
    this.#keep(nowMs, nodeId, kind, to);
  }

  /** A message leaves that counts for the hash alone: there are so many of its kind that they would hide all others. */
  beats(nowMs: number, nodeId: number, kind: string, to: number): void {
    this.#mixTime(nowMs);
    this.#mix(nodeId);
    this.#mix(to);
    this.#mixText(kind);
  }

  /** The latest events of each node; of node 0, what happened to the world. */
  recent(): string {
    return [...this.#recent]
      .sort(([a], [b]) => a - b)
      .map(([nodeId, { events, next }]) => {
        const oldestFirst = [...events.slice(next), ...events.slice(0, next)];
        return `  ${oldestFirst.map((noted) => lineOf(nodeId, noted)).join('\n  ')}`;
      })
      .join('\n');
  }

  #keep(nowMs: number, nodeId: number, event: string, to: number | undefined): void {
    this.#mixTime(nowMs);
    this.#mix(nodeId);
    this.#mix(to ?? -1);
    this.#mixText(event);
    let recent = this.#recent.get(nodeId);
    if (recent === undefined) {
      recent = { events: [], next: 0 };
      this.#recent.set(nodeId, recent);
    }
    const noted = { nowMs, event, to };
    recent.events[recent.next] = noted;
    recent.next = (recent.next + 1) % RECENT_PER_NODE;
    this.#tell?.(lineOf(nodeId, noted));
  }

  /** All 64 bits of the time. */
  #mixTime(nowMs: number): void {
    time[0] = nowMs;
    this.#mix(timeBits[0] ?? 0);
    this.#mix(timeBits[1] ?? 0);
  }

  #mixText(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
    this.#mix(text.length);
  }

  #mix(word: number): void {
    const a = Math.imul(this.#hashA ^ word, 0x85ebca77);
    this.#hashA = a ^ (a >>> 15);
    const b = Math.imul((this.#hashB << 13) ^ (this.#hashB >>> 19) ^ word, 0xc2b2ae3d);
    this.#hashB = b ^ (b >>> 13);
  }
}

function lineOf(nodeId: number, { nowMs, event, to }: NotedEvent): string {
  const what = to === undefined ? event : `sends ${event} to ${to}`;
  return `${nowMs.toFixed(3).padStart(12)} ms  node ${nodeId}  ${what}`;
}
