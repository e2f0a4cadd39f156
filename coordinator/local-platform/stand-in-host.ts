/** A process that runs a platform with stand-ins, to be killed by a test: `stand-in-host.ts HOME TENANT`. */
import { standInPlatform } from './testing.ts';

const [home = '', tenant = ''] = process.argv.slice(2);
const platform = standInPlatform(home);
platform.start();
await platform.ensure(tenant);
process.stdout.write('up\n');
