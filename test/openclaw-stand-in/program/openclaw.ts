/** `openclaw` of the stand-in: the gateway, or one of the other commands. */
import { readBuild } from './build.ts';
import { runCommand } from './commands/commands.ts';
import { runGateway } from './gateway/gateway.ts';
import { placeOf } from './place.ts';

const args = process.argv.slice(2);
const [build, place] = [readBuild(), placeOf(process.env)];
if (args[0] === 'gateway' && args[1] === 'run') {
  const port = Number(args[args.indexOf('--port') + 1] ?? place.variables['OPENCLAW_GATEWAY_PORT']);
  await runGateway(place, build, port);
} else {
  const { code, output = '', complaint = '' } = await runCommand(args, place, build);
  process.stdout.write(output);
  process.stderr.write(complaint);
  process.exitCode = code;
}
