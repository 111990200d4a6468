from collections.abc import Iterator

import pytest
from conformance_libraries import close_keras


@pytest.fixture(scope="session", autouse=True)
def keras_process() -> Iterator[None]:
    """End the Keras process, if a test started one."""
    yield
    close_keras()
