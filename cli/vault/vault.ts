/** A vault as the commands see it, whichever way leads to it. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CompareSnapshotsSchema,
  ExportFilesSchema,
  FilesExported,
  ListSnapshotsSchema,
  PruneSnapshotsSchema,
  RestoreSnapshotSchema,
  SnapshotDifference,
  SnapshotList,
  SnapshotRestored,
  SnapshotsPruned,
  SnapshotTaken,
  SnapshotVerified,
  TakeSnapshotSchema,
  VerifySnapshotSchema,
} from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** What is asked of a vault. All but the list may take long: how far it is, is shown, and Ctrl-C ends the waiting. */
export interface Vault {
  list(page: MessageInitShape<typeof ListSnapshotsSchema>): Promise<SnapshotList>;
  take(how: MessageInitShape<typeof TakeSnapshotSchema>): Promise<SnapshotTaken>;
  restore(what: MessageInitShape<typeof RestoreSnapshotSchema>): Promise<SnapshotRestored>;
  verify(what: MessageInitShape<typeof VerifySnapshotSchema>): Promise<SnapshotVerified>;
  prune(how: MessageInitShape<typeof PruneSnapshotsSchema>): Promise<SnapshotsPruned>;
  compare(which: MessageInitShape<typeof CompareSnapshotsSchema>): Promise<SnapshotDifference>;
  /** Gives the archive's bytes in order, each piece when `put` has taken the one before. */
  export(files: MessageInitShape<typeof ExportFilesSchema>, put: PutPiece): Promise<FilesExported>;
}

/** Takes a piece of an archive; resolves when there is room for the next. */
export type PutPiece = (piece: Uint8Array) => Promise<void>;
