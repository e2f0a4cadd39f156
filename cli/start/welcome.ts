/** What is said when a tenant can be used. */
import type { GetTenantAccessResponse, Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Output } from '../output/output.ts';
import { formatMillis } from '../output/units.ts';
import { reservation } from '../tenants/readiness.ts';

/** The lines: where it is, what is the matter all the same, how to sign in, and what to try. */
export function welcome(
  tenant: Tenant,
  access: Pick<GetTenantAccessResponse, 'url'>,
  took: number,
  output: Output,
): string[] {
  const { name, status } = tenant;
  const title = `${name} is ready: OpenClaw ${status?.openclawVersion ?? ''} after ${formatMillis(took)}`;
  const word = reservation(tenant);
  const tries = [
    [`npx opencrane tenant shell ${name}`, 'a shell where "openclaw" is this tenant\'s'],
    [`npx opencrane config set logging.level debug --tenant ${name}`, 'reaches it without a restart'],
    ['npx opencrane status', 'everything that runs, at a glance'],
  ] as const;
  const width = Math.max(...tries.map(([command]) => command.length));
  return [
    '',
    output.style('green', output.style('bold', title)),
    ...(word === '' ? [] : [output.style('yellow', `  but ${word}`)]),
    '',
    `  Open      ${output.style('cyan', access.url)}`,
    '  Sign in   the address carries the token: opening it signs you in; keep it to yourself',
    '',
    '  Worth trying, in another terminal:',
    ...tries.map(([command, shows]) => `    ${command.padEnd(width)}   ${output.style('dim', shows)}`),
    '',
    output.style('dim', 'Ctrl-C stops everything.'),
  ];
}
