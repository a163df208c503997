import { type ByteReader, type ByteWriter, MalformedError, type ValueCodec } from '../codec/index.js';
import { type Epoch, epochFromHalves, epochHalves, isHighWater } from '../consensus/index.js';
import { InvalidInputError } from '../errors/index.js';
import { assertCommand, type HighWaterCommand, type ProposalId } from './high-water-command.js';
import { assertSnapshot, type HighWaterSnapshot, type LedgerEntry } from './high-water-snapshot.js';

const ADVANCE = 1;
const BARRIER = 2;

/** directoryId, incarnation, seq, nodeId. */
const LEDGER_ENTRY_BYTES = 8 + 8 + 8 + 6;
const NODE_ID_BYTES = 6;

/**
 * Commands as bytes: kind (u8: 1 advance, 2 barrier), epoch (16 bytes), directoryId (8), incarnation (u64),
 * seq (u64), and for an advance `atLeast` (u64). A value out of its range is refused both ways: an
 * `InvalidInputError` when encoded, a `MalformedError` when decoded.
 */
export const highWaterCommandCodec: ValueCodec<HighWaterCommand> = {
  encode(command, writer) {
    assertCommand(command);
    writer.u8(command.kind === 'advance' ? ADVANCE : BARRIER);
    writeEpoch(writer, command.epoch);
    writeProposalId(writer, command.id);
    if (command.kind === 'advance') writer.u64(command.atLeast);
  },
  decode(reader) {
    const kind = reader.u8();
    const epoch = readEpoch(reader);
    const id = readProposalId(reader);
    if (kind === ADVANCE) return { kind: 'advance', atLeast: readHighWater(reader), epoch, id };
    if (kind === BARRIER) return { kind: 'barrier', epoch, id };
    throw new MalformedError(`a command is of the unknown kind ${kind}`);
  },
};

/**
 * Snapshots as bytes: value (u64), epoch (16 bytes), the ledger's count (u32) and entries (30 bytes each),
 * whether members follow (u8), their count (u32) and ids (u48 each). Equal snapshots have equal bytes. What
 * breaks a rule of a snapshot is refused both ways, as for commands.
 */
export const highWaterSnapshotCodec: ValueCodec<HighWaterSnapshot> = {
  encode(snapshot, writer) {
    assertSnapshot(snapshot);
    writer.u64(snapshot.value);
    writeEpoch(writer, snapshot.epoch);
    writer.u32(snapshot.ledger.length);
    for (const entry of snapshot.ledger) {
      writeProposalId(writer, entry);
      writer.u48(entry.nodeId);
    }
    writer.boolean(snapshot.members !== undefined);
    if (snapshot.members === undefined) return;
    writer.u32(snapshot.members.length);
    for (const member of snapshot.members) writer.u48(member);
  },
  decode(reader) {
    const value = readHighWater(reader);
    const epoch = readEpoch(reader);
    const ledger: LedgerEntry[] = [];
    for (let left = reader.count(LEDGER_ENTRY_BYTES); left > 0; left--) {
      ledger.push({ ...readProposalId(reader), nodeId: reader.u48() });
    }
    const snapshot = reader.boolean()
      ? { value, epoch, ledger, members: readMembers(reader) }
      : { value, epoch, ledger };
    refuseAsMalformed('a snapshot', () => assertSnapshot(snapshot));
    return snapshot;
  },
};

function writeEpoch(writer: ByteWriter, epoch: Epoch): void {
  const { hi, lo } = epochHalves(epoch);
  writer.bigU64(hi);
  writer.bigU64(lo);
}

function readEpoch(reader: ByteReader): Epoch {
  const hi = reader.bigU64();
  return epochFromHalves({ hi, lo: reader.bigU64() });
}

function writeProposalId(writer: ByteWriter, { directoryId, incarnation, seq }: ProposalId): void {
  writer.hex64(directoryId);
  writer.u64(incarnation);
  writer.u64(seq);
}

function readProposalId(reader: ByteReader): ProposalId {
  const id = { directoryId: reader.hex64(), incarnation: reader.u64(), seq: reader.u64() };
  if (id.incarnation < 1 || id.seq < 1) throw new MalformedError('an incarnation or seq is 0');
  return id;
}

function readHighWater(reader: ByteReader): number {
  const value = reader.u64();
  if (!isHighWater(value)) throw new MalformedError(`a high-water is ${value}, above 2^46 - 1`);
  return value;
}

function readMembers(reader: ByteReader): number[] {
  const members: number[] = [];
  for (let left = reader.count(NODE_ID_BYTES); left > 0; left--) members.push(reader.u48());
  return members;
}

/** Runs a check of values that came as bytes: what it refuses is not the caller's mistake, but malformed. */
function refuseAsMalformed(what: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new MalformedError(`${what} breaks a rule: ${cause.message}`, { cause });
  }
}
