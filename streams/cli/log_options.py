"""Options that commands over logs have in common, as annotated types."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

LogName = Annotated[str, typer.Argument(help="Traces or a dump (Parquet, JSON lines), or an archive (folder, URI).")]
Partitions = Annotated[int | None, typer.Option(min=1, max=4096, help="Bare traces: instead of the policy's.")]
TickS = Annotated[float | None, typer.Option(min=0.001, help="Bare traces: seconds between ticks.")]
TrustFolder = Annotated[Path | None, typer.Option(help="Dump, archive: the installation's trust folder.")]
MastersFolder = Annotated[Path | None, typer.Option(help="Dump, archive of traces.v1: the folder of MAC masters.")]
FromDay = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Archive: the first day of log time (UTC).")
]
ToDay = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Archive: the last day.")]
