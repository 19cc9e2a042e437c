// Work in small pieces between the frames, so that dragging never waits for it.

class TimeSlices {
  // limit: milliseconds of work per frame. mayWork: whether this frame has time for it.
  constructor({ limit, mayWork, now, nextFrame }) {
    Object.assign(this, { limit, mayWork, now, nextFrame });
    this.tasks = [];
    this.isRunning = false;
    this.turn = 0;
  }

  // Adds a task: its `step()` does one piece and returns whether there is more; `shown()` is called
  // at the end of each frame that did some of it.
  add(task) {
    if (!this.tasks.includes(task)) this.tasks.push(task);
    if (this.isRunning) return;
    this.isRunning = true;
    this.nextFrame(() => this.frame());
  }

  frame() {
    if (this.mayWork()) this.work();
    this.isRunning = this.tasks.length > 0;
    if (this.isRunning) this.nextFrame(() => this.frame());
  }

  // Tasks take turns.
  work() {
    const [start, started] = [this.now(), [...this.tasks]];
    while (this.tasks.length && this.now() - start < this.limit) {
      this.turn = (this.turn + 1) % this.tasks.length;
      if (!this.tasks[this.turn].step()) this.tasks.splice(this.turn, 1);
    }
    for (const task of started) task.shown();
  }
}
