// Loaded into npm by `--import`: the coordinator holds the other end of standard input, so that a coordinator which is
// killed leaves no npm behind that goes on writing into a stage folder.
process.stdin.on('close', () => process.exit(1));
process.stdin.on('error', () => process.exit(1));
process.stdin.resume();
process.stdin.unref(); // npm ends when it is done
