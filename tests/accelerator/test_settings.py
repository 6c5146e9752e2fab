"""`.env.example` lists every variable that the settings of both projects read; and what settings bring about."""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests import compose

REPOSITORY = Path(__file__).parents[2]
SETTINGS = ("accelerator/settings.py", "accelerator/cloud/settings.py")
# What `make run` alone reads, which has no settings of its own.
OF_MAKE_RUN = {"PORT", "HOST", "ENGAGEMENT_MINUTES"}


def read(file: str) -> set[str]:
    """The variables that a module of settings asks `env` for."""
    return {
        name.value
        for call in ast.walk(ast.parse((REPOSITORY / file).read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "env"
        for name in call.args[:1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str)
    }


def test_the_example_lists_what_is_read() -> None:
    found = [read(file) for file in SETTINGS]
    assert {"SECRET_KEY", "AUDIENCE_MOST_INVALID"} <= found[0]
    assert {"CLOUD_SECRET_KEY", "SMTP_URL"} <= found[1]
    listed = re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) - OF_MAKE_RUN - compose.OF_ITS_OWN == found[0] | found[1]


@pytest.mark.parametrize("file", SETTINGS)
def test_the_server_asks_whether_a_silent_client_is_still_there(file: str) -> None:
    """Or the sessions of a host that was lost stay for hours, with what they hold. Seen at work: `tests.hosts`."""
    told = runpy.run_path(str(REPOSITORY / file))["DATABASES"]["default"]["OPTIONS"]["options"]
    for guard in ("tcp_keepalives_idle=15", "tcp_keepalives_count=3", "tcp_user_timeout=30s"):
        assert f"-c {guard}" in told


@pytest.mark.parametrize("begun", [["-m", "django", "shell", "-v0", "-c"], ["-c"]], ids=["command", "worker"])
def test_arrow_keeps_nothing_that_is_not_in_use_and_numpy_starts_no_thread(begun: list[str]) -> None:
    """Inside, too, where nobody names a pool."""
    worker = (
        "from accelerator.celery import app; app.loader.import_default_modules(); " if begun == ["-c"] else ""
    )
    asked = (
        f"{worker}import jobs.stages.extracting, pathlib, pyarrow; "
        "names = [file.read_text() for file in pathlib.Path('/proc/self/task').glob('*/comm')]; "
        "ours = names.count(pathlib.Path('/proc/self/comm').read_text()); "  # Arrow's has a name of its own
        "print(pyarrow.default_memory_pool().backend_name, ours)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ARROW_", "OPENBLAS_"))}
    env["DJANGO_SETTINGS_MODULE"] = "accelerator.settings"
    told = subprocess.check_output([sys.executable, *begun, asked], cwd=REPOSITORY, env=env, text=True)
    assert told.split()[-2:] == ["system", "1"]
