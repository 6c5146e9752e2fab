"""What can be wrong with a Warehouse or an Audience's SQL, in sentences."""


class WarehouseError(Exception):
    """The records can't be had; the text is for a person."""


class AudienceSqlError(WarehouseError):
    """The Audience's SQL fails, is not one SELECT, or selects something that is no audience."""


class TooSlow(AudienceSqlError):
    """The SQL may be right, but takes longer than a page waits; a launch waits as long as it takes."""


class WarehouseUnreachable(WarehouseError):
    """The Warehouse does not answer, or not to us. It may pass; the SQL is not to blame."""


class WarehouseUnsafe(WarehouseError):
    """The role that we are let in with may do too much for SQL that anybody writes; the text says what to change."""


class LocationRefused(WarehouseError):
    """The location says what none may, whoever it lets in; the text says what to enter instead."""


class Cancelled(WarehouseError):
    """The query was ended because somebody here wanted it."""
