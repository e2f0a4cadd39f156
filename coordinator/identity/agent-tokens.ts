/** Short-lived tokens by which agents prove which tenant they are; signed and checked by the coordinator itself. */

import { createPublicKey } from 'node:crypto';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type CryptoKey, errors, exportPKCS8, generateKeyPair, importPKCS8, jwtVerify, SignJWT } from 'jose';
import type { AgentTokenVerifier } from '../agents/ports.ts';
import { readOrCreateSecret } from './secret-file.ts';

const ALGORITHM = 'EdDSA';
const ISSUER = 'opencrane-coordinator';
const AUDIENCE = 'opencrane-agents';

/** How long a token is valid. The local platform writes a new one at half of it. */
export const AGENT_TOKEN_MILLIS = 3_600_000;

/** Issues and checks agents' tokens. */
export class AgentTokens implements AgentTokenVerifier {
  readonly #privateKey: CryptoKey;
  readonly #publicKey: Parameters<typeof jwtVerify>[1];
  readonly #clock: Clock;

  private constructor(privateKey: CryptoKey, publicKey: Parameters<typeof jwtVerify>[1], clock: Clock) {
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
    this.#clock = clock;
  }

  /** Opens the signing key, or makes it at the first start. */
  static async open(keyFile: string, clock: Clock): Promise<AgentTokens> {
    const pem = await readOrCreateSecret(keyFile, async () => {
      const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
      return (await exportPKCS8(privateKey)).trim();
    });
    try {
      return new AgentTokens(await importPKCS8(pem, ALGORITHM), createPublicKey(pem), clock);
    } catch (cause) {
      throw new OpenCraneError('data_loss', 'signing_key_damaged', `reading ${keyFile}: it is not a private key`, {
        cause,
        field: keyFile,
        mend: 'bring it back from a backup; remove it only if every agent may sign in anew',
      });
    }
  }

  /** A token for a tenant's agent. `id` makes it unique. */
  issue(tenant: string, id: string): Promise<string> {
    const now = Math.floor(this.#clock.now() / 1000);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(tenant)
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setJti(id)
      .setIssuedAt(now)
      .setExpirationTime(now + AGENT_TOKEN_MILLIS / 1000)
      .sign(this.#privateKey);
  }

  async verify(token: string): Promise<{ readonly tenant: string; readonly expiresAtMillis: number }> {
    try {
      const currentDate = new Date(this.#clock.now());
      const options = {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate,
        requiredClaims: ['sub', 'exp'],
      };
      const { payload } = await jwtVerify(token, this.#publicKey, options);
      return { tenant: payload.sub ?? '', expiresAtMillis: (payload.exp ?? 0) * 1000 };
    } catch (cause) {
      const [reason, what] = refusal(cause);
      throw new OpenCraneError('unauthenticated', reason, `checking the agent's token: ${what}`, {
        cause,
        mend: 'the platform writes a fresh token to the agent’s token file; an agent reads it at each connect',
      });
    }
  }
}

function refusal(cause: unknown): [reason: string, what: string] {
  if (cause instanceof errors.JWTExpired) return ['token_expired', 'it has expired'];
  if (cause instanceof errors.JWSSignatureVerificationFailed)
    return ['token_forged', 'this coordinator did not sign it'];
  if (cause instanceof errors.JWTClaimValidationFailed)
    return ['token_wrong_claim', `its claim "${cause.claim}" is not what an agent's is`];
  return ['token_malformed', 'it is not a token'];
}
