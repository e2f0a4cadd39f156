/**
 * Server streams without Node streams around them. grpc-js wraps every bidirectional call in a Duplex in object mode;
 * where thousands of calls stay open, that is a good part of what each costs. An interceptor may take a call before it
 * is wrapped, and then reading is asked for message by message, which is the backpressure a session wants anyway.
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import type { OpenCraneError } from '../errors.ts';
import { toGrpcStatus } from './status.ts';

/** Who handles a call. */
export interface StreamListener {
  /** The message that was asked for, as bytes. */
  onMessage(bytes: Buffer): void;
  /** The peer will say nothing more. */
  onHalfClose(): void;
  /** The call is over, however it ended; always the last. */
  onEnd(): void;
}

/** One call. */
export class StreamCall {
  readonly metadata: Metadata;
  readonly #call: ServerInterceptingCallInterface;
  /** Set by whoever handles the call, at once. */
  listener: StreamListener | undefined;

  constructor(call: ServerInterceptingCallInterface, metadata: Metadata) {
    this.#call = call;
    this.metadata = metadata;
  }

  /** Asks for one message. */
  read(): void {
    this.#call.startRead();
  }

  /** Sends a message; `written` is called when it has been handed to the network, and never if the call ends before. */
  write(message: unknown, written: () => void): void {
    this.#call.sendMessage(message, written);
  }

  /** Ends the call after what was written: with the error's status, or OK. */
  end(error?: OpenCraneError): void {
    this.#call.sendStatus(error === undefined ? { code: status.OK, details: '' } : toGrpcStatus(error, ''));
  }

  /** Address and port of the peer. */
  peer(): string {
    return this.#call.getPeer();
  }
}

/** Takes the calls of one method, and hands them to `onCall`; other methods go on as usual. */
export function takeStreams(path: string, onCall: (call: StreamCall) => void): ServerInterceptor {
  return (method, call) => {
    if (method.path !== path) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, { start: () => begin(call, onCall) });
  };
}

function begin(call: ServerInterceptingCallInterface, onCall: (call: StreamCall) => void): void {
  let taken: StreamCall | undefined;
  let ended = false;
  call.start({
    onReceiveMetadata(metadata) {
      taken = new StreamCall(call, metadata);
      onCall(taken);
    },
    onReceiveMessage: (message) => taken?.listener?.onMessage(message),
    onReceiveHalfClose() {
      // A connection that broke ends its streams first and cancels them in the same turn; nobody is there to be answered.
      setImmediate(() => {
        if (!ended) taken?.listener?.onHalfClose();
      });
    },
    onCancel() {
      ended = true;
      taken?.listener?.onEnd();
    },
  });
}
