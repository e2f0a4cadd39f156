/**
 * The lines of a stream, ended by a line feed and by nothing else. `node:readline` ends one at U+2028, U+2029 and a lone
 * carriage return, too, which may stand within the JSON of a line: in the name of somebody's file.
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let begun = '';
  for await (const bytes of input) {
    const [first = '', ...more] = decoder.decode(bytes, { stream: true }).split('\n');
    begun += first;
    for (const next of more) {
      yield begun;
      begun = next;
    }
  }
  begun += decoder.decode();
  if (begun !== '') yield begun;
}
