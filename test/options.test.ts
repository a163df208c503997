import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ZodType } from 'zod';
import { applyEngineOptionsSchema } from '../src/apply/apply-engine-options.js';
import { tsoClientSettingsSchema } from '../src/client/tso-client-options.js';
import { paxosDriverLimitsSchema } from '../src/driver/paxos-driver-options.js';
import { nodeTuningSchema } from '../src/node/node-options.js';
import { oracleTuningSchema } from '../src/oracle/oracle-options.js';
import { tsoServerSettingsSchema } from '../src/service/tso-server-options.js';
import { journalLimitsSchema } from '../src/storage/journal-options.js';
import { tcpLimitsSchema } from '../src/transport/tcp-options.js';

/** The options of each section of the page that are numbers. */
const SECTIONS: Readonly<Record<string, Readonly<Record<string, ZodType>>>> = {
  'A node': nodeTuningSchema.omit({ clientEndpoint: true }).shape,
  'A host': {
    ...paxosDriverLimitsSchema.shape,
    applyChunkItems: applyEngineOptionsSchema.shape.chunkItems,
  },
  'The journal': journalLimitsSchema.shape,
  Peers: without(tcpLimitsSchema.shape, 'allowInsecurePeer'),
  'The oracle': oracleTuningSchema.in.shape,
  'The gRPC service': without(tsoServerSettingsSchema.shape, 'listen'),
  'The client': without(tsoClientSettingsSchema.shape, 'endpoints'),
};

/** Filled in behind the schema, since it depends on another option. */
const DEFAULTS_ELSEWHERE: Readonly<Record<string, number>> = {
  failoverAdvanceMs: oracleTuningSchema.parse({}).failoverAdvanceMs,
};

interface Row {
  readonly option: string;
  readonly byDefault: number;
  readonly min: number;
  readonly max: number;
}

function without(shape: Readonly<Record<string, ZodType>>, name: string): Record<string, ZodType> {
  return Object.fromEntries(Object.entries(shape).filter(([key]) => key !== name));
}

function rowsOf(section: string): Row[] {
  const page = readFileSync(new URL('../docs/options.md', import.meta.url), 'utf8');
  const [, text = ''] = page.split(`\n## ${section}\n`);
  const [own = ''] = text.split('\n## ');
  const number = (digits = ''): number => Number(digits.replaceAll(',', ''));
  return [...own.matchAll(/^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|/gm)].map(
    ([, option = '', byDefault, min, max]) => ({
      option,
      byDefault: number(byDefault),
      min: number(min),
      max: number(max),
    }),
  );
}

describe('options', () => {
  test.each(Object.entries(SECTIONS))(
    '%s: the page names every option, its default and its range',
    (section, shape) => {
      const rows = rowsOf(section);
      expect(rows.map(({ option }) => option)).toEqual(Object.keys(shape));
      for (const { option, byDefault, min, max } of rows) {
        const schema = shape[option];
        const takes = (value: number): boolean | undefined => schema?.safeParse(value).success;
        expect(DEFAULTS_ELSEWHERE[option] ?? schema?.parse(undefined), `default of ${option}`).toBe(
          byDefault,
        );
        expect([min - 1, min, max, max + 1].map(takes), `range of ${option}`).toEqual([
          false,
          true,
          true,
          false,
        ]);
      }
    },
  );
});
