/** The contract with OpenClaw, kept by the stand-in. */
import { contractSuite } from './openclaw.suite.ts';

contractSuite('stand-in');
