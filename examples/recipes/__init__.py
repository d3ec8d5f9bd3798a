"""How a bus starts and stops in programs of several kinds. `docs/recipes.md` says why."""
