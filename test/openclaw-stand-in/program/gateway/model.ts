/** Asks a model over OpenAI's chat completions, streamed, as OpenClaw does. */
import { at, isObject, type JsonObject } from '../json.ts';
import type { Message } from '../state/agent-database.ts';

/** What the model says to a conversation; throws when there is no such model or it fails. */
export async function askModel(config: JsonObject, said: readonly Message[], signal: AbortSignal): Promise<string> {
  const chosen = at(config, 'agents', 'defaults', 'model');
  const name = isObject(chosen) ? chosen['primary'] : chosen;
  const [providerName = '', model = ''] = typeof name === 'string' ? name.split('/') : [];
  const provider = at(config, 'models', 'providers', providerName);
  if (!isObject(provider)) throw new Error(`Unknown model: ${String(name)}`);
  const response = await fetch(`${String(provider['baseUrl'])}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${String(provider['apiKey'])}` },
    body: JSON.stringify({ model, stream: true, messages: said.map(({ role, content }) => ({ role, content })) }),
    signal,
  });
  if (!response.ok) throw new Error(`the model answered ${response.status}`);
  return textOf(await response.text());
}

/** The words of a stream of server-sent events. */
function textOf(stream: string): string {
  const events = stream.split('\n').filter((line) => line.startsWith('data: {'));
  const parts = events.map((line) => JSON.parse(line.slice('data: '.length)).choices?.[0]?.delta?.content ?? '');
  return parts.join('');
}
