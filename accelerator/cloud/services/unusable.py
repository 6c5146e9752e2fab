"""What a service is that can't be sent through."""


class Unusable(Exception):
    """The text says which service, what is wrong with it and what to do; it quotes no secret."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f'The service "{name}" can\'t be sent through: {why}. Correct it in MAIL_SERVICES of the Cloud'
        )
