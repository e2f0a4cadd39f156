/** Asks the gateway that runs something, as OpenClaw's own commands do. */
import type { Place } from '../place.ts';

/** One request and its answer; throws what it was refused with. */
export async function callGateway(
  { token, variables }: Place,
  method: string,
  params: object,
): Promise<Readonly<Record<string, unknown>>> {
  const socket = new WebSocket(`ws://127.0.0.1:${variables['OPENCLAW_GATEWAY_PORT']}`);
  try {
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', () => reject(new Error('no gateway answers')), { once: true });
    });
    const ask = (id: string, name: string, parameters: object) =>
      new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
        const hear = ({ data }: MessageEvent) => {
          const frame = JSON.parse(String(data));
          if (frame.id !== id) return;
          socket.removeEventListener('message', hear);
          if (frame.ok) resolve(frame.payload);
          else reject(new Error(frame.error.message));
        };
        socket.addEventListener('message', hear);
        socket.send(JSON.stringify({ type: 'req', id, method: name, params: parameters }));
      });
    await ask('connect', 'connect', { auth: { token }, role: 'operator', scopes: ['operator.admin'] });
    return await ask('call', method, params);
  } finally {
    socket.close();
  }
}
