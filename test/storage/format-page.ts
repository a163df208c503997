import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** A row of one of the page's tables of bytes. */
interface Field {
  readonly at: number;
  readonly bytes: number;
}

/** `docs/storage-format.md`, as a program can read it: where its tables say that something stands. */
export class FormatPage {
  readonly #tables: readonly (readonly (readonly string[])[])[];

  constructor() {
    const text = readFileSync(join(import.meta.dirname, '../../docs/storage-format.md'), 'utf8');
    this.#tables = (text.match(/(?:^\|.*\n)+/gm) ?? []).map((table) =>
      table
        .trim()
        .split('\n')
        .map((row) =>
          row
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ),
    );
  }

  /** The rows of the one table whose heading is this. */
  rows(...heading: string[]): readonly (readonly string[])[] {
    const found = this.#tables.filter(([first]) => first?.join('|') === heading.join('|'));
    if (found.length !== 1) throw new Error(`there are ${found.length} tables of ${heading.join(', ')}`);
    return found[0]?.slice(2) ?? [];
  }

  /** The fields of a table of places, each named by the beginning of its text; they follow each other without a gap. */
  fields(heading: string): ReadonlyMap<string, Field> {
    const fields = new Map<string, Field>();
    let next = 0;
    for (const [at = '', bytes = '', text = ''] of this.rows('at', 'bytes', heading)) {
      if (Number(at) !== next)
        throw new Error(`${heading}: ${text} stands at ${at}, what is before it ends at ${next}`);
      next += Number(bytes);
      fields.set(/^[\w -]+/.exec(text)?.[0].trim() ?? '', { at: Number(at), bytes: Number(bytes) });
    }
    return fields;
  }

  /** The bytes that stand for the names in the table with this heading. */
  names(...heading: string[]): ReadonlyMap<number, string> {
    return new Map(this.rows(...heading).map(([byte = '', name = '']) => [Number(byte), name]));
  }
}

/** Reads values one after the other, each as the page describes it: a second reader, which shares nothing with the one of the package. */
export class PageReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(count: number): Buffer {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw new Error(`it ends before byte ${this.#at}`);
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  u(bytes: number): number {
    return Number(BigInt(`0x${this.bytes(bytes).toString('hex')}`));
  }

  id(): string {
    return this.bytes(8).toString('hex');
  }

  text(): string {
    return this.bytes(this.u(4)).toString('utf8');
  }

  flag(): boolean {
    const byte = this.u(1);
    if (byte > 1) throw new Error(`a flag is ${byte}`);
    return byte === 1;
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u(4) }, read);
  }

  ballot() {
    return { configId: this.u(4), n: this.u(4), priority: this.u(2), pid: this.u(6) };
  }

  config() {
    const configId = this.u(4);
    const nodes = this.list(() => this.u(6));
    const flags = this.u(1);
    const quorum =
      (flags & 1) === 0 ? {} : { quorum: { readQuorumSize: this.u(2), writeQuorumSize: this.u(2) } };
    const lease = () => ({ leaseMs: this.u(4), maxClockDrift: this.bytes(8).readDoubleBE() });
    return { configId, nodes, ...quorum, ...lease(), ...((flags & 2) === 0 ? {} : { previous: lease() }) };
  }

  snapshot() {
    return { compactedIdx: this.u(8), config: this.config(), value: this.bytes(this.u(4)).toString('hex') };
  }

  logRecord() {
    const kind = this.u(1);
    if (kind === 1) return { entry: this.bytes(this.u(4)).toString('hex') };
    if (kind === 2)
      return { nextConfig: this.config(), ...(this.flag() ? { metadata: this.bytes(this.u(4)) } : {}) };
    throw new Error(`a log record is of kind ${kind}`);
  }

  sync() {
    const snapshot = this.flag() ? { snapshot: this.snapshot() } : {};
    return { ...snapshot, syncIdx: this.u(8), suffix: this.list(() => this.logRecord()) };
  }

  peers() {
    return this.list(() => ({
      nodeId: this.u(6),
      directoryId: this.id(),
      incarnation: this.u(8),
      bootId: this.id(),
    }));
  }

  /** `names` are those of the page. */
  stableWrite(names: ReadonlyMap<number, string>) {
    const kind = names.get(this.u(1));
    switch (kind) {
      case 'promise':
        return { kind, promise: this.ballot() };
      case 'append':
        return { kind, fromIdx: this.u(8), records: this.list(() => this.logRecord()) };
      case 'sync':
        return { kind, acceptedRound: this.ballot(), logSync: this.sync(), decidedIdx: this.u(8) };
      case 'decided':
        return { kind, decidedIdx: this.u(8) };
      case 'snapshot':
        return { kind, snapshot: this.snapshot() };
      case 'enterConfig':
        return { kind, config: this.config(), logSync: this.sync(), decidedIdx: this.u(8) };
      default:
        throw new Error(`a stable write is of kind ${kind}`);
    }
  }

  state() {
    return {
      config: this.config(),
      promise: this.ballot(),
      acceptedRound: this.ballot(),
      decidedIdx: this.u(8),
      ...(this.flag() ? { snapshot: this.snapshot() } : {}),
      bootIds: this.list(() => this.id()),
      peers: this.peers(),
      ...(this.flag() ? { refused: this.text() } : {}),
    };
  }
}

/** The checksum of a record, as the page says: begun with the directory's id and the record's place. */
export function recordChecksum(directoryId: string, at: number, covered: Uint8Array): number {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(at));
  return crc32(covered, crc32(place, crc32(directoryId)));
}
