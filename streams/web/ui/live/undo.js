// One stack of what was done on this page. A command is {do(), undo()}, both async; undo is
// the inverse call to the service.

const most = 100;
const done = [];
const undone = [];

/** Does a command and remembers it. Returns what it returned. */
export async function run(command) {
  const answer = await command.do();
  done.push(command);
  if (done.length > most) done.shift();
  undone.length = 0;
  return answer;
}

export async function undo() {
  const c = done.pop();
  if (!c) return;
  await c.undo();
  undone.push(c);
}

export async function redo() {
  const c = undone.pop();
  if (!c) return;
  await c.do();
  done.push(c);
}
