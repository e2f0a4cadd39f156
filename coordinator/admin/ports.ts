/** What the admin plane needs from identity. */

/** Who calls. */
export type AdminCaller = {
  /** As it stands in the audit log: `admin`. */
  readonly actor: string;
};

/** Checks the callers of the admin plane. */
export interface AdminAuthenticator {
  /** `header` is the value of `Authorization`, null when there was none. Throws `unauthenticated` with how to get a token. */
  authenticate(header: string | null): Promise<AdminCaller>;
}
