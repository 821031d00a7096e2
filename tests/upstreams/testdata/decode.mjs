// Reads request targets, one a line, and writes for each a line of JSON: the path
// that each library of Node.js makes of it.

import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parse } from 'node:url';

const readers = {
	'WHATWG URL': (target) => decodeURIComponent(new URL(target, 'http://gate.test').pathname),
	'WHATWG URL, normalized': (target) => posix.normalize(decodeURIComponent(new URL(target, 'http://gate.test').pathname)),
	'WHATWG URL, decoded first': (target) => new URL(decodeURIComponent(target), 'http://gate.test').pathname,
	'url.parse': (target) => posix.normalize(decodeURIComponent(parse(target).pathname ?? '')),
	'path.posix': (target) => posix.normalize(decodeURIComponent(target.split('?', 1)[0])),
};

const lines = readFileSync(0, 'latin1').split('\n').slice(0, -1);
for (const target of lines) {
	const read = {};
	for (const [name, reader] of Object.entries(readers)) {
		try {
			read[name] = reader(target);
		} catch {
			read[name] = ''; // It refuses the target.
		}
	}
	process.stdout.write(JSON.stringify(read) + '\n');
}
