"""What image models can do beside generating: ``multigan detect`` and ``multigan edit``."""

import typer

from multigan.plugins.image.anomaly.verb import app as detect
from multigan.plugins.image.latent.verb import app as edit

app = typer.Typer()
app.registered_commands.extend([*detect.registered_commands, *edit.registered_commands])
