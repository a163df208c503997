import { createRequire } from 'node:module';

/** The part of protobufjs that is used here. */
interface ProtobufType {
  create(properties: object): object;
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(
    message: object,
    options: { longs: StringConstructor; defaults?: boolean },
  ): Record<string, unknown>;
}

interface Protobufjs {
  parse(source: string, options: { keepCase: boolean }): { root: { lookupType(name: string): ProtobufType } };
}

const SCHEMA = `
  syntax = "proto3";
  package tsoracle.v1;
  message GetTsRequest { uint32 count = 1; }
  message GetTsResponse {
    uint64 physical_ms = 1; uint32 logical_start = 2; uint32 count = 3; uint64 epoch_hi = 4; uint64 epoch_lo = 5;
  }
  message EpochWire { uint64 hi = 1; uint64 lo = 2; }
  message LeaderHint { optional string leader_endpoint = 1; optional EpochWire leader_epoch = 2; }
`;

// protobufjs is there as a dependency of the gRPC library's loader; this package does not use it.
const fromGrpc = createRequire(createRequire(import.meta.url).resolve('@grpc/grpc-js'));
const protobufjs: Protobufjs = createRequire(fromGrpc.resolve('@grpc/proto-loader'))('protobufjs');
const { root } = protobufjs.parse(SCHEMA, { keepCase: true });

/** Encodes a message of `tsoracle.v1` with an implementation that is not ours. */
export function referenceEncode(type: string, properties: object): Uint8Array {
  const found = root.lookupType(`tsoracle.v1.${type}`);
  return found.encode(found.create(properties)).finish();
}

/**
 * Decodes one; every integer of 64 bits is a decimal text, fields that are absent are filled in if `defaults`
 * says so.
 */
export function referenceDecode(type: string, bytes: Uint8Array, defaults = true): Record<string, unknown> {
  const found = root.lookupType(`tsoracle.v1.${type}`);
  return found.toObject(found.decode(bytes), { longs: String, defaults });
}
