"""A house whose broker is the suite's, behind a line that loses and doubles messages once it is told to."""

from pathlib import Path

from accelerator.embedded.valkey import Valkey
from tests.faults.lossy import Lossy
from tests.faults.world import World


class Forgetful(World):
    """`broker` is the line."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.valkey = Valkey(folder)
        self.valkey.start()
        self.broker = Lossy(str(self.valkey.socket), seed=0)
        address = {"REDIS_URL": f"redis://127.0.0.1:{self.broker.port}/0"}
        try:
            super().__init__(folder, **(address | settings))
        except BaseException:
            self._end_broker()
            raise

    def close(self) -> int:
        try:
            return super().close()
        finally:
            self._end_broker()

    def _end_broker(self) -> None:
        self.broker.close()
        self.valkey.stop()
