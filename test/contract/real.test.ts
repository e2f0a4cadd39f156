/** The contract with OpenClaw, kept by the real one. */
import { contractSuite } from './openclaw.suite.ts';

contractSuite('real');
