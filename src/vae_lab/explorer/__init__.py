"""One file per run that shows what its model learned: `explorer.html`."""
