/** `config.schema.lookup`: what a change of a key takes. */
import assert from 'node:assert/strict';
import type { Behaviour } from './world.ts';

const kinds: Readonly<Record<'none' | 'hot' | 'restart', readonly string[]>> = {
  none: [
    'logging.level',
    'logging.file',
    'messages.ackReaction',
    'messages.ackReactionScope',
    'gateway.reload.mode',
    'meta',
  ],
  hot: [
    'agents.defaults.timeoutSeconds',
    'agents.defaults.maxConcurrent',
    'agents.defaults.model',
    'agents.defaults.model.primary',
    'models.mode',
    'models.providers.stand-in.models',
    'update.checkOnStart',
    'gateway.trustedProxies',
  ],
  restart: [
    'gateway',
    'gateway.mode',
    'gateway.bind',
    'gateway.port',
    'gateway.auth.token',
    'gateway.tls.enabled',
    'gateway.controlUi',
    'gateway.controlUi.basePath',
  ],
};

export const lookupBehaviours: readonly Behaviour[] = [
  ...Object.entries(kinds).map(([kind, paths]) => ({
    reason: `a change takes: ${kind}`,
    async holds({ client }: Parameters<Behaviour['holds']>[0]) {
      const found = paths.map(async (path) => [
        path,
        (await client.get('config.schema.lookup', { path }))['reloadKind'],
      ]);
      assert.deepEqual(
        await Promise.all(found),
        paths.map((path) => [path, kind]),
      );
    },
  })),
  {
    reason: 'a key that is not in the schema is not found; one with a dot in a name is not either',
    async holds({ client }) {
      for (const path of ['no.such', 'agents.defaults.noSuchKey', 'models.providers.my.provider.models']) {
        const { code, message } = await client.refusal('config.schema.lookup', { path });
        assert.deepEqual([code, message], ['INVALID_REQUEST', 'config schema path not found']);
      }
    },
  },
];
