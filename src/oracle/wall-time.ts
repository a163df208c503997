/**
 * The latest time that a wall clock is believed to show, in ms since the Unix epoch: 2^45 - 1, in the year
 * 3084, half of what timestamps can carry.
 *
 * A time that was granted, or made durable, can never be taken back. A clock that shows the end of the range (a
 * saturated one does) would leave no timestamp for ever after; the upper half is in reserve against that.
 */
export const BELIEVED_WALL_MS_MAX = 2 ** 45 - 1;

/**
 * What a wall clock shows, in whole ms.
 * @returns undefined if it is not within [0, {@link BELIEVED_WALL_MS_MAX}]: before 1970, past all belief, or no
 * number. Such a clock is taken for one that stands still.
 */
export function believedMs(wallMs: number): number | undefined {
  const wholeMs = Math.floor(wallMs);
  return wholeMs >= 0 && wholeMs <= BELIEVED_WALL_MS_MAX ? wholeMs : undefined;
}
