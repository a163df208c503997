import { type Codecs, decodeMessage } from '../../src/codec/index.js';
import {
  type Ballot,
  compareBallots,
  formatBallot,
  type MessageBody,
  type StableState,
} from '../../src/omnipaxos/index.js';
import type { FileSystem, OpenFile } from '../../src/storage/file-system.js';
import { readIdentity, recoverDirectory } from '../../src/storage/recover-directory.js';
import type { Frame } from '../../src/transport/frame-codec.js';
import { FrameReader } from '../../src/transport/frame-reader.js';
import { bytesIn, pathIn, type TraceEvent } from './trace-events.js';

/** What one node's trace shows. */
export interface TraceReport {
  /** Messages to peers that claim stable storage, by kind. */
  readonly claims: Record<string, number>;
  /** Claims whose bytes left before what they claim was on stable storage: must be none. */
  readonly violations: readonly string[];
  /** Syncs of the journal: when each returned, in s since the Unix epoch. */
  readonly syncs: readonly number[];
  /** How long the log was when the trace ended. */
  readonly acceptedIdx: number;
}

export interface TracedNode<E, S> {
  /** The bytes of the file `identity`. */
  readonly identity: Uint8Array;
  /** On which peers listen: everything else is no business of this check. */
  readonly peerPorts: ReadonlySet<number>;
  readonly codecs: Codecs<E, S>;
}

/** What a node has handed to one socket. */
interface PeerStream<E, S> {
  readonly reader: FrameReader;
  /** What a recovery would have found when the first byte was handed over that still waits for the rest of its frame. */
  pendingSince: StableState<E, S> | undefined;
}

interface Segment {
  bytes: Buffer;
  /** What was there when the last sync that has returned was entered. */
  durable: Buffer | undefined;
}

const DATA_DIR = '/traced';
const MAX_FRAME_BYTES = 2 ** 20;

/**
 * Follows a trace, call by call: what the journal's file holds, which of it a returned sync has made durable, and what the bytes claim that are handed to a peer's socket. A claim is judged by what this
 * package's own recovery would find if the power failed at the moment when the call was entered that takes its first byte.
 */
export class ClaimChecker<E, S> {
  readonly #node: TracedNode<E, S>;
  readonly #segments = new Map<number, Segment>();
  readonly #syncing = new Map<number, { readonly segment: Segment; readonly bytes: Buffer }>();
  readonly #sockets = new Map<string, PeerStream<E, S>>();
  /** What a recovery would have found when a thread entered the call that it is in. */
  readonly #entered = new Map<number, StableState<E, S>>();
  readonly #claims: Record<string, number> = { prepare: 0, promise: 0, accepted: 0 };
  readonly #violations: string[] = [];
  readonly #syncs: number[] = [];
  /** What a recovery would find now; undefined after something else has become durable. */
  #recovered: StableState<E, S> | undefined;

  constructor(node: TracedNode<E, S>) {
    this.#node = node;
  }

  async see(event: TraceEvent): Promise<void> {
    const { call } = event;
    if (call === 'pwrite64' && event.at === 'end') this.#written(event);
    else if (call === 'fdatasync' || call === 'fsync') this.#sync(event);
    else if (call === 'write' || call === 'writev') await this.#send(event);
  }

  async report(): Promise<TraceReport> {
    const { acceptedIdx } = boundsOf(await this.#state());
    return { claims: this.#claims, violations: this.#violations, syncs: this.#syncs, acceptedIdx };
  }

  #written({ args, result = -1 }: TraceEvent): void {
    const segment = this.#segmentOf(args);
    const offset = Number(/, (\d+)$/.exec(args)?.[1]);
    if (segment === undefined || result < 0 || Number.isNaN(offset)) return;
    const end = offset + result;
    if (end > segment.bytes.length)
      segment.bytes = Buffer.concat([segment.bytes, Buffer.alloc(end - segment.bytes.length)]);
    bytesIn(args, result).copy(segment.bytes, offset);
  }

  #sync({ args, at, result, seconds, thread }: TraceEvent): void {
    if (at === 'begin') {
      const segment = this.#segmentOf(args);
      if (segment !== undefined) this.#syncing.set(thread, { segment, bytes: Buffer.from(segment.bytes) });
      return;
    }
    const syncing = this.#syncing.get(thread);
    this.#syncing.delete(thread);
    if (syncing === undefined || result !== 0) return;
    syncing.segment.durable = syncing.bytes;
    this.#recovered = undefined;
    this.#syncs.push(seconds);
  }

  /** The journal's segment that a call's first argument is a descriptor of. */
  #segmentOf(args: string): Segment | undefined {
    const [, generation] = /\/journal-(\d+)(?:\.new)?$/.exec(pathIn(args)) ?? [];
    if (generation === undefined) return undefined;
    const known = this.#segments.get(Number(generation));
    if (known !== undefined) return known;
    const segment: Segment = { bytes: Buffer.alloc(0), durable: undefined };
    this.#segments.set(Number(generation), segment);
    return segment;
  }

  #peerSocket(args: string): string | undefined {
    const [socket, here, there] = /^\d+<TCP:\[[^\]]*?:(\d+)->[^\]]*?:(\d+)\]>/.exec(args) ?? [];
    const isPeer = this.#node.peerPorts.has(Number(here)) || this.#node.peerPorts.has(Number(there));
    return isPeer ? socket : undefined;
  }

  async #send({ args, at, result = 0, thread }: TraceEvent): Promise<void> {
    const socket = this.#peerSocket(args);
    if (socket === undefined) return;
    if (at === 'begin') {
      this.#entered.set(thread, await this.#state());
      return;
    }
    const entered = this.#entered.get(thread) ?? (await this.#state());
    this.#entered.delete(thread);
    if (result > 0) this.#sent(socket, bytesIn(args.slice(args.indexOf(',')), result), entered);
  }

  #sent(socket: string, bytes: Buffer, entered: StableState<E, S>): void {
    const stream = this.#sockets.get(socket) ?? {
      reader: new FrameReader(MAX_FRAME_BYTES),
      pendingSince: undefined,
    };
    this.#sockets.set(socket, stream);
    const { reader } = stream;
    let durable = stream.pendingSince ?? entered;
    reader.push(bytes);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      this.#judgeFrame(frame, durable);
      durable = entered;
    }
    stream.pendingSince = reader.pendingBytes === 0 ? undefined : durable;
  }

  #judgeFrame(frame: Frame, durable: StableState<E, S>): void {
    if (frame.kind === 'first' || frame.kind === 'more')
      throw new Error('a message in several frames cannot be judged here');
    if (frame.kind === 'whole' || frame.kind === 'urgent')
      this.#judge(decodeMessage(frame.payload, this.#node.codecs).body, durable);
  }

  #judge(body: MessageBody<E, S>, state: StableState<E, S>): void {
    if (body.kind !== 'prepare' && body.kind !== 'promise' && body.kind !== 'accepted') return;
    this.#claims[body.kind] = (this.#claims[body.kind] ?? 0) + 1;
    if (compareBallots(state.promise, body.n) < 0) {
      this.#violations.push(
        `${body.kind} of ${formatBallot(body.n)}: the promise ${formatBallot(state.promise)} was durable`,
      );
    }
    if (body.kind === 'promise') this.#judgeAccepted(body.kind, body.nAccepted, body.acceptedIdx, state);
    if (body.kind === 'accepted') this.#judgeAccepted(body.kind, body.n, body.acceptedIdx, state);
  }

  #judgeAccepted(kind: string, n: Ballot, claimedIdx: number, state: StableState<E, S>): void {
    const { acceptedIdx } = boundsOf(state);
    const order = compareBallots(state.acceptedRound, n);
    if (order > 0 || (order === 0 && acceptedIdx >= claimedIdx)) return;
    this.#violations.push(
      `${kind} of ${claimedIdx} in ${formatBallot(n)}: ${acceptedIdx} in ${formatBallot(state.acceptedRound)} were durable`,
    );
  }

  async #state(): Promise<StableState<E, S>> {
    this.#recovered ??= await this.#recover();
    return this.#recovered;
  }

  async #recover(): Promise<StableState<E, S>> {
    const files = new Map<string, Uint8Array>([[`${DATA_DIR}/identity`, this.#node.identity]]);
    for (const [generation, { durable }] of this.#segments) {
      if (durable !== undefined) files.set(`${DATA_DIR}/journal-${generation}`, durable);
    }
    const fileSystem = readOnlyFiles(files);
    const identity = await readIdentity(DATA_DIR, fileSystem);
    const { image } = await recoverDirectory(DATA_DIR, identity, fileSystem, this.#node.codecs);
    return image.stable.copy();
  }
}

function boundsOf({ records, snapshot }: StableState<unknown, unknown>): { readonly acceptedIdx: number } {
  return { acceptedIdx: (snapshot?.compactedIdx ?? 0) + records.length };
}

/** As much of a file system as reading needs. */
function readOnlyFiles(files: ReadonlyMap<string, Uint8Array>): FileSystem {
  const refuse = (): never => {
    throw new Error('it can only be read');
  };
  const contents = (path: string): Uint8Array => files.get(path) ?? refuse();
  const open = async (path: string): Promise<OpenFile> => {
    const bytes = contents(path);
    return {
      read: async (into, position) => {
        const part = bytes.subarray(position, position + into.length);
        into.set(part);
        return part.length;
      },
      write: refuse,
      datasync: refuse,
      sync: refuse,
      close: async () => {},
    };
  };
  return {
    open,
    stat: async (path) => ({ kind: 'file', size: contents(path).length }),
    readdir: async (path) => [...files.keys()].map((file) => file.slice(path.length + 1)),
    link: refuse,
    rename: refuse,
    unlink: refuse,
    mkdir: refuse,
    syncDirectory: refuse,
  };
}
