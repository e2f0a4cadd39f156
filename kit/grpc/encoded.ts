/** Messages that are serialised before they are sent, so that what goes to thousands of receivers is serialised once. */
import { type DescMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';

/** A message that is serialised already. */
export class Encoded {
  readonly bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Serialises a message once, for many receivers. */
  static from<Desc extends DescMessage>(schema: Desc, message: Message & { $typeName: Desc['typeName'] }): Encoded {
    return new Encoded(serialize(schema, message));
  }

  /**
   * For messages that differ in one text only: serialised once for each length of that text, then copied and written
   * over, since texts of one length stand in one place. `build` must use the text once.
   */
  static template<Desc extends DescMessage>(
    schema: Desc,
    build: (text: string) => MessageShape<Desc>,
  ): (text: string) => Encoded {
    const made = new Map<number, Template>();
    return (text) => {
      if (!fits.test(text)) return Encoded.from(schema, build(text));
      let template = made.get(text.length);
      if (template === undefined) {
        template = templateOf((filler) => serialize(schema, build(filler)), text.length);
        made.set(text.length, template);
      }
      const bytes = Buffer.allocUnsafe(template.bytes.length);
      template.bytes.copy(bytes);
      bytes.write(text, template.at, 'latin1');
      return new Encoded(bytes);
    };
  }
}

/** Serialises a message, or takes what was serialised before. */
export function serialize(schema: DescMessage, value: unknown): Buffer {
  if (value instanceof Encoded) return value.bytes;
  // grpc-js types messages as unknown; the callers of this adapter are typed by the descriptor.
  const bytes = toBinary(schema, value as Message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A serialised message, and where its text begins. */
type Template = { readonly bytes: Buffer; readonly at: number };

/** One byte a character, so that the length tells the layout; an empty text is left out of a message. */
const fits = /^[\x20-\x7e]{1,128}$/;

/** The text begins where two fillers make the first difference. */
function templateOf(serialized: (filler: string) => Buffer, length: number): Template {
  const bytes = serialized('a'.repeat(length));
  const other = serialized('b'.repeat(length));
  return { bytes, at: bytes.findIndex((byte, index) => byte !== other[index]) };
}
