"""The mail receiver: a real SMTP server that plays the Internet for the demo, with an inbox page for people.

    python -m accelerator.demo.receiver --smtp-port 8003 --http-port 8002 --folder .data/receiver

It takes mail for every address and sends nothing on. What it answers is decided by the address alone
(`verdicts.py`), so that every run of a job meets the same Internet:

    97.9 %  accepted
     1.2 %  550 5.1.1  no such user
     0.5 %  451 4.7.1  greylisted: refused at the first attempt, accepted at a later one
     0.3 %  552 5.2.2  mailbox full
     0.1 %  451 4.3.0  temporarily unavailable, at every attempt

Staff of the demo company (`verdicts.STAFF_DOMAIN`) are always accepted; `--accept-all` accepts everybody. For
tests and curious people, an address whose local part begins with one of these words (defer@, defer1@, defer.ann@,
but not deferral@) meets that fault, whatever else is set:

    reject...         550 5.1.1 at RCPT, always
    full...           552 5.2.2 at RCPT, always
    defer...          451 4.3.0 at RCPT, always
    greylist...       451 4.7.1 at RCPT, once; accepted at the next attempt
    spam...           554 5.7.1 after the final dot, always: the message was read and refused
    slow...           accepted, and recorded, but the reply to the final dot comes SLOW seconds later
    dropbeforedot...  the line is cut instead of the 354 that asks for the message, once: nothing was taken
    dropafterdot...   accepted, and recorded, but the line is cut instead of the reply to the dot, always

The folder holds three things. `received.jsonl` has a line for every recipient of every accepted message (at,
sender, recipient, message_id, size), written before the 250 that answers for it; `refused.jsonl` has one for
every refusal (at, sender, recipient, kind, reply). The process may be killed at any instant: what was
answered 250 is in the log. `inbox.sqlite3` keeps messages in full for the inbox page (of a large job a
sample); it may lag behind the logs by half a second.
"""
