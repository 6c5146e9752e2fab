"""Millions of recipients once, on a whole house: flat memory, a page that answers, and nobody twice all the same.

    python -m tests.soak millions [--recipients N] [--kills N] [--pauses N] [--seed N]

A Campaign is launched through the pages of a house that `manage.py up` runs, from a warehouse of N rows, some of them
as imperfect as in any. While it is sent, senders and whole workers die by kill -9, somebody pauses and resumes it on
its page, and somebody else reads that page every second. What each process costs and holds is measured meanwhile.

customers   whom: the rows of the warehouse, and where each must come to rest
planning    runs inside the house: the Campaign
counted     how often a recipient's message was accepted, and how often refused: two bytes a recipient, in a file
counting    runs beside the house: the mail server that counts
meters      processor time and memory of every process of the house, the dead included
readers     somebody who reads the Job's page, and how long it takes
asking      somebody who pauses and resumes it there
killing     somebody who kills
ledgers     what the two databases and the page say at the end
rules       what was promised, held against all of that
watching    until the Job rests
telling     what was seen, and what of it is wrong
running     the whole of it, in order
"""
