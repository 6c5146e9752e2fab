"""The soak: a real Cloud sends to many thousands through a mail server of every mood, or by senders that are killed.

    python -m tests.soak [faulty] [kills] [millions] [--recipients N] [--kills N] [--pauses N] [--seed N]

faulty   20,000 recipients. What the mail server does to each is decided by the local part (`tests.mail`): 451, 550 and
         421 at RCPT and after the dot, once or always; a late reply; the line cut in place of the 354, or after the
         dot. It has four doors, and a sender at each: the usual one, one without PIPELINING, one without 8BITMIME, and
         one with STARTTLS and a certificate that signs itself. Then a mailing that is cancelled in its middle.
kills    50,000 recipients, and fifty kill -9: of a sending process, or of a whole worker. What died is started again
         as a supervisor does it.
millions Five million recipients on a whole house; only where it is named (`tests.soak.millions`).

Nothing is simulated between the HTTP contract and the mail server: PostgreSQL, Valkey, the Cloud behind its web
server, Celery's workers and beat. At the end the rules of `tests.faults.contacts` (nobody twice, the equation, Unknown
has a cause) compare what the receiver has recorded before each reply with the Cloud's ledger, and `judging` adds what
this soak alone can know: where each recipient must have come to rest.

people     whom: the words, how many of each, and where they come to rest
clouds     a Cloud with its senders, as a supervisor keeps it
sent       a mailing and its recipients
mailings   watches one until it rests
judging    what was promised, and what was not kept
faulty, kills
"""
