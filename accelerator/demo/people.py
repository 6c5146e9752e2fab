"""Who works at the demo company: what `manage.py up` prints, and what the log-in page accepts."""

from dataclasses import dataclass

from accelerator.demo.receiver.verdicts import STAFF_DOMAIN

COMPANY = "Heron & Hale"


@dataclass(frozen=True)
class Person:
    """A demo account. Its password is no secret: it is printed at every start."""

    username: str
    first_name: str
    password: str
    role: str
    in_company: bool = False
    sees_every_job: bool = False
    is_admin: bool = False

    @property
    def email(self) -> str:
        return f"{self.username}@{STAFF_DOMAIN}"


ALICE = Person(
    "alice", "Alice", "paths-are-soft", f"marketer at {COMPANY}: plans and launches", in_company=True
)
SAM = Person(
    "sam",
    "Sam",
    "kettles-are-out",
    "support: sees every job and the suppression list, no campaigns",
    sees_every_job=True,
)
ADA = Person("ada", "Ada", "boots-stay-on", "administrator: sees and may do everything", is_admin=True)
PEOPLE = (ALICE, SAM, ADA)


def described() -> str:
    """The accounts for the terminal, one a line."""
    names = max(len(person.username) for person in PEOPLE)
    passwords = max(len(person.password) for person in PEOPLE)
    return "\n".join(
        f"{person.username:<{names}}  {person.password:<{passwords}}  {person.role}" for person in PEOPLE
    )
