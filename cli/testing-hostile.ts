/** Answers in which every text is one that would do harm to a terminal, or to the person before it. */
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';

/** Clears the screen, fakes a line, colours, turns around, links, writes to the clipboard; a line of ours begins with none of it. */
export const hostile =
  'ab\u001b[2J\r\nFAKED line\t\u009b31m\u202egpj.exe\u2066\u200b\u001b]8;;http://evil\u0007x\u001b]8;;\u0007\u001b]52;c;eA==\u0007\u2028\u007f\u{e0041}';

/** How deep messages are filled that hold themselves. */
const DEPTH = 5;

/** A message with the text in every field. `turn` says which case a oneof has, which value an enum, which number stands where one does. */
export function hostileMessage<Desc extends DescMessage>(desc: Desc, turn: number): MessageShape<Desc> {
  return fromJson(desc, jsonOf(desc, turn, DEPTH));
}

/** Answers every call of a service: with one message, or a stream of them. */
export function hostileService(service: DescService, turn: number) {
  return Object.fromEntries(service.methods.map((method) => [method.localName, answering(method, turn)]));
}

function answering({ methodKind, output }: DescMethod, turn: number) {
  if (methodKind !== 'server_streaming') return () => hostileMessage(output, turn);
  return async function* () {
    for (let each = turn; each < turn + 6; each += 1) yield hostileMessage(output, each);
  };
}

function jsonOf(desc: DescMessage, turn: number, depth: number): JsonValue {
  if (desc.typeName === 'google.protobuf.Value') return hostile;
  if (desc.typeName === 'google.protobuf.Struct') return { [hostile]: hostile, list: [hostile], of: { a: hostile } };
  const json: JsonObject = {};
  for (const field of desc.fields.filter((each) => isFilled(each, turn, depth))) {
    json[field.jsonName] = jsonOfField(field, turn, depth);
  }
  return json;
}

function isFilled({ name, oneof, message }: DescField, turn: number, depth: number): boolean {
  if (name === 'next_page_token') return false; // there is one page
  if (oneof !== undefined && oneof.fields[turn % oneof.fields.length]?.name !== name) return false;
  return depth > 0 || message === undefined;
}

function jsonOfField(field: DescField, turn: number, depth: number): JsonValue {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar, turn);
    case 'enum':
      return field.enum.values[turn % field.enum.values.length]?.number ?? 0;
    case 'message':
      return jsonOf(field.message, turn, depth - 1);
    case 'list':
      return [jsonOfElement(field, turn, depth), jsonOfElement(field, turn + 1, depth)];
    case 'map':
      return { [hostile]: jsonOfElement(field, turn, depth) };
  }
}

function jsonOfElement(
  field: DescField & ({ readonly fieldKind: 'list' } | { readonly fieldKind: 'map' }),
  turn: number,
  depth: number,
): JsonValue {
  if (field.message !== undefined) return jsonOf(field.message, turn, depth - 1);
  return field.scalar === undefined ? turn % 2 : scalar(field.scalar, turn);
}

function scalar(type: ScalarType, turn: number): JsonValue {
  switch (type) {
    case ScalarType.STRING:
      return hostile;
    case ScalarType.BOOL:
      return turn % 2 === 1;
    case ScalarType.BYTES:
      return 'aG9zdGlsZQ==';
    default:
      return turn;
  }
}
