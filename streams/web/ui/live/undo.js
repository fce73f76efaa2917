// One stack of what was done on this page. A command is {do(), undo()}, both async; undo is
// the inverse call to the service. One runs at a time, so that the last one done is the first
// to be undone.

const most = 100;
const done = [];
const undone = [];
let last = Promise.resolve();

const queue = (f) => (last = last.catch(() => {}).then(f));

/** Does a command and remembers it. Returns what it returned. */
export const run = (command) => queue(async () => {
	const answer = await command.do();
	done.push(command);
	if (done.length > most) done.shift();
	undone.length = 0;
	return answer;
});

const move = (from, to, act) => () => queue(async () => {
	const c = from.pop();
	if (!c) return;
	await c[act]();
	to.push(c);
});

export const undo = move(done, undone, 'undo');
export const redo = move(undone, done, 'do');
