export { SeededRandom } from '../runtime/index.js';
