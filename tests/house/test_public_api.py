"""What `import homeostat` gives, and how little it loads."""

import subprocess
import sys

import pytest

import homeostat


def test_public_names() -> None:
    assert homeostat.Publisher.__module__ == "homeostat.streams.client.publisher"
    assert homeostat.Gateway.__module__.startswith("homeostat.streams.client.gateway")
    assert set(dir(homeostat)) >= {*homeostat.__all__, "__version__"}
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        homeostat.Nonsense  # noqa: B018 the access is what is tested


def test_import_is_light() -> None:
    program = "import sys, homeostat.schemas.errors; print({'confluent_kafka', 'faust', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_python_m_is_the_command() -> None:
    result = subprocess.run([sys.executable, "-m", "homeostat", "version"], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == homeostat.__version__
