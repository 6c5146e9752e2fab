"""One call to a service at a time, in a thread of its own: anymail waits in it, and the sender does not."""

import queue
import threading
import time
from typing import Any

import requests
from anymail.exceptions import AnymailError, AnymailInvalidAddress
from anymail.utils import parse_address_list
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError

from accelerator.cloud.replies import Result, Verdict
from accelerator.cloud.services import outcomes, requesting
from accelerator.cloud.services.building import CONNECT, Service
from accelerator.cloud.services.requesting import Call
from accelerator.cloud.smtp import Message

# Seconds after which an idle connection is not used again: one that the service closes at that moment takes a request
# along, and nobody can tell whether it was read.
IDLE = 5.0

Settled = tuple["Line", Call, Result | Exception]


class Line:
    """Begin a message on an idle one; its thread puts what came of it into the queue that is given along."""

    # Nothing is accepted "on a line": a service that has had enough of one has had enough of all.
    accepted = 0

    def __init__(self, service: Service, patience: float) -> None:
        self.service = service
        self.message: Message | None = None
        self.open = True
        self.call = Call()
        self.deadline = float("inf")
        # The time limits of requests hold for each read: who answers byte by byte is not waited for without end.
        self._longest = 2 * (CONNECT + patience)
        self._work: queue.SimpleQueue[tuple[Message, Call, queue.SimpleQueue[Settled]] | None] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._run, name=f"calls {service.name}", daemon=True).start()

    @property
    def busy(self) -> bool:
        return self.message is not None

    def begin(self, message: Message, settled: "queue.SimpleQueue[Settled]") -> None:
        self.message, self.call = message, Call()
        self.deadline = time.monotonic() + self._longest
        self._work.put((message, self.call, settled))

    def rest(self) -> Message:
        """It is idle again; who was on it."""
        message, self.message, self.deadline = self.message, None, float("inf")
        assert message is not None  # noqa: S101  it was busy
        return message

    def end(self) -> None:
        """The thread ends when it has nothing to do. What has begun is not waited for; what has not never will."""
        if self.busy and not self.call.call_off():
            self.call.give_up()
        self.open = False
        self._work.put(None)

    # --- in the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        backend, used_at = None, 0.0
        while (job := self._work.get()) is not None:
            message, call, settled = job
            requesting.current.call = call
            try:
                if backend is None:
                    backend = self.service.backend()
                if time.monotonic() - used_at > IDLE:
                    backend.close()
                found: Result | Exception = self._send(backend, message, call)
            except Exception as error:  # noqa: BLE001  raised by whoever waits for it
                found = error
            used_at = time.monotonic()
            settled.put((self, call, found))
        if backend is not None:
            backend.close()

    def _send(self, backend: Any, message: Message, call: Call) -> Result:
        """What came of it. Raises what was a mistake of ours, before anything has left."""
        try:
            return self._hand_over(backend, message)
        except RequestException as error:
            return self._failed(error, call)
        except AnymailError as error:
            if (response := getattr(error, "response", None)) is not None:
                return outcomes.of_answer(self._answer(response, error))
            if call.begun:
                return outcomes.of_silence("the answer can't be understood", begun=True)
            # Anymail itself refuses it, before the request: something that this service can't be told.
            return Result(Verdict.REFUSED, "", self.service.discreet(type(error).__name__))
        except Exception as error:
            if not call.begun:
                raise
            return outcomes.of_silence(f"the answer can't be understood ({type(error).__name__})", begun=True)

    def _hand_over(self, backend: Any, message: Message) -> Result:
        if not _alone(message.recipient):
            return Result(Verdict.BOUNCED, "invalid", "the service's library takes no such address")
        mail: Any = self.service.mail(message.text, message.recipient)
        backend.open()
        backend.send_messages([mail])
        status = mail.anymail_status
        return outcomes.of_answer(self._answer(status.esp_response, status=status))

    def _answer(self, response: requests.Response, error: Any = None, status: Any = None) -> outcomes.Answer:
        if status is None and error is not None:
            status = getattr(error.email_message, "anymail_status", None)
        words = frozenset(getattr(status, "status", None) or ())
        text = self.service.discreet(response.text) or str(response.reason or "")
        return outcomes.Answer(response.status_code, text, words)

    def _failed(self, error: RequestException, call: Call) -> Result:
        """There was no whole answer."""
        if isinstance(response := error.response, requests.Response):
            return outcomes.of_answer(self._answer(response, error))
        return outcomes.of_silence(_why(error, begun=call.begun), begun=call.begun)


def _alone(recipient: str) -> bool:
    """Whether anymail reads the address as it is meant: one recipient, this one."""
    try:
        return [address.addr_spec for address in parse_address_list([recipient])] == [recipient]
    except AnymailInvalidAddress:
        return False


def _why(error: RequestException, *, begun: bool) -> str:
    """In few words, without the address that was called."""
    if isinstance(error, ReadTimeout):
        return "no answer in time"
    if begun:
        return "the connection was cut before the answer"
    if isinstance(error, SSLError):
        return "can't be reached: no secure connection"
    return "can't be reached in time" if isinstance(error, ConnectTimeout) else "can't be reached"
