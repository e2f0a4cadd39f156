/** A process full of lean agents. Arguments: port, first index, how many. */
import { toBinary } from '@bufbuild/protobuf';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { LeanAgent, type Shared } from './lean-agent.ts';
import { helloOf, offerOf, receiptsOf, tenantOf } from './wire.ts';

/** Connects under way at one time: the kernel keeps a limited line of them for a server. */
const AT_A_TIME = 400;

const [port = 0, first = 0, count = 0] = process.argv.slice(2).map(Number);

let waiting: LeanAgent[] = [];
let welcomed = 0;
let stored = 0;
const faults: string[] = [];

const shared: Shared = {
  port,
  hello: helloOf(tenantOf(0), undefined),
  expected: undefined,
  onWelcome() {
    welcomed += 1;
    waiting.pop()?.connect();
    if (welcomed === count) tell('welcomed');
  },
  onStored() {
    stored += 1;
    if (stored === count) tell('stored');
  },
  onFault(what) {
    if (faults.push(what) === 1) tell('fault');
  },
};

const agents = Array.from({ length: count }, (_, index) => new LeanAgent(first + index, shared));

process.on('message', (order: 'connect' | 'storm' | { readonly expect: number }) => {
  if (order === 'connect' || order === 'storm') {
    for (const agent of agents) agent.cut();
    welcomed = 0;
    waiting = [...agents];
    for (const agent of waiting.splice(-AT_A_TIME)) agent.connect();
    return;
  }
  stored = 0;
  shared.expected = {
    offer: Buffer.from(toBinary(ConnectResponseSchema, offerOf(order.expect))),
    receipts: receiptsOf(order.expect),
  };
  shared.hello = helloOf(tenantOf(0), order.expect); // what the agents serve once they come again
  tell('ready');
});
tell('started');

function tell(what: string): void {
  process.send?.({ what, faults: faults.slice(0, 5) });
}
