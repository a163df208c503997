import type { Oracle } from '../../oracle/index.js';

/** Resolves with the reason if the oracle fails for good. */
export function untilOracleFails(oracle: Oracle): Promise<Error> {
  return new Promise((resolve) => {
    const check = (): void => {
      const state = oracle.state();
      if (state.role === 'failed') resolve(state.error);
    };
    oracle.events.on('state', check);
    check();
  });
}
