/** How the bytes of a protobuf field are laid out; the three low bits of its tag. */
export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_LENGTH_DELIMITED = 2;
export const WIRE_FIXED32 = 5;

/** The highest value of a protobuf `uint32`. */
export const UINT32_MAX = 2 ** 32 - 1;

/** The highest value of a protobuf `uint64`. */
export const UINT64_MAX = 2n ** 64n - 1n;
