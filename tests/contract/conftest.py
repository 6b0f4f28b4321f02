"""Each test of a contract runs at each socket, on a service without resources and faults."""

from collections.abc import Iterator

import pytest

from tests.contract.sockets import Socket, opened


@pytest.fixture(scope="package", params=["standalone", "moto", "ministack"])
def open_socket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Socket]:
    with opened(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
def socket(open_socket: Socket) -> Socket:
    assert open_socket.admin("POST", "reset").status == 200
    return open_socket
