"""Fixtures that several test files share."""

import pytest

from tests.runs import spawn


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """A finished run, trained in a process of its own like those it is compared with."""
    folder = tmp_path_factory.mktemp("unbroken")
    result = spawn(folder)
    output = result.communicate(timeout=300)[0]
    assert result.returncode == 0, output
    return folder
