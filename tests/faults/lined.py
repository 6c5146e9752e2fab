"""A house whose dashboard speaks with its Cloud, and whose senders with the mail server, by lines that can be cut."""

from pathlib import Path

from tests.faults.lines import Line
from tests.faults.world import World

# Seconds that a sender waits for the mail server, so that it gives a silent one up soon. (The slowest takes three.)
IMPATIENT = {"SMTP_CONNECT_TIMEOUT": "3", "SMTP_REPLY_TIMEOUT": "5", "SMTP_ACCEPTANCE_TIMEOUT": "5"}
# Messages that senders can be handing over at a time: two in each of two workers.
AT_ONCE = 4


class Lined(World):
    """`to_cloud` and `to_mail`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.to_cloud, self.to_mail = Line(), Line()
        addresses = {
            "CLOUD_URL": f"http://127.0.0.1:{self.to_cloud.port}",
            "SMTP_URL": f"smtp://127.0.0.1:{self.to_mail.port}",
        }
        super().__init__(folder, **(addresses | IMPATIENT | settings))
        # Where they lead is known when the house has its ports.
        self.to_cloud.target = ("127.0.0.1", self.house.port + 1)
        self.to_mail.target = ("127.0.0.1", self.house.port + 3)

    def close(self) -> int:
        try:
            return super().close()
        finally:
            self.to_cloud.close()
            self.to_mail.close()
