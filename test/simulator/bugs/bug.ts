/** A fault that is put into a copy of the source, to see that it is found. */
export interface SeededBug {
  /** In kebab-case. */
  readonly name: string;
  /** The rows of the hazard table that it brings about; may be empty. */
  readonly hazards: readonly string[];
  /** What is wrong then, in a sentence. */
  readonly effect: string;
  /** The file below `src/`. */
  readonly file: string;
  /** A text that stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** What finds it: the simulator within so many seeds, or the tests in a file below `test/`. */
  readonly foundBy: { readonly seeds: number } | { readonly test: string };
}
