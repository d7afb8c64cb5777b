"""Using what was trained: saved models, pipelines, the hub."""
