/**
 * Names of files as text, without loss. A name on Linux is bytes; nearly always they are UTF-8. A byte that is not becomes a
 * lone surrogate U+DC80 to U+DCFF, as Python does it (PEP 383); UTF-8 itself never gives one, so the way back is clear.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ESCAPE = 0xdc00;

/** The text of a name's bytes. */
export function textOfBytes(bytes: Uint8Array): string {
  const whole = decodeStrictly(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const [piece, length] = nextPiece(bytes, at);
    text += piece;
    at += length;
  }
  return text;
}

/** What to give the file system for a path: itself, or its bytes when they are no UTF-8. */
export function pathForSystem(path: string): string | Buffer {
  return path.isWellFormed() ? path : bytesOfText(path);
}

/** The bytes that a text stands for. */
function bytesOfText(text: string): Buffer {
  const pieces: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isEscape = code >= ESCAPE + 0x80 && code <= ESCAPE + 0xff;
    pieces.push(isEscape ? Buffer.of(code - ESCAPE) : Buffer.from(character));
  }
  return Buffer.concat(pieces);
}

/** One character, or one byte that begins none. */
function nextPiece(bytes: Uint8Array, at: number): [text: string, length: number] {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) {
    const character = decodeStrictly(bytes.subarray(at, at + length));
    if (character !== undefined) return [character, length];
  }
  return [String.fromCharCode(ESCAPE + (bytes[at] ?? 0)), 1];
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
