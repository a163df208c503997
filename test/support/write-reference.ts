// Writes docs/reference.md anew. Run it: npm run reference
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePage } from './api-reference.js';

writeFileSync(join(import.meta.dirname, '../../docs/reference.md'), referencePage());
